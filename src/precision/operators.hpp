#pragma once

#include <cstddef>
#include <string_view>

#include "ir/graph.hpp"

/// What narrow floating-point types do to operators.
namespace fovea::precision {

/// Why `op` computes in f32 whatever is asked for; empty when it does not.
std::string_view keeps_f32(std::string_view op);

/// Whether input `i` of a narrow `node` is narrow where it is a floating-point tensor; otherwise it stays f32.
bool narrow_input(const ir::Node& node, std::size_t i);

/// Whether the constant inputs of a narrow `node` stay f32: a bias, a scale or a table of positions that is rounded is
/// wrong by the same amount in every image.
bool keeps_numbers(const ir::Node& node);

/// Whether `node` does so much work per element that it should be narrow even where only f32 readers want its result.
bool heavy(const ir::Node& node);

}  // namespace fovea::precision
