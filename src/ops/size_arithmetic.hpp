#pragma once

#include <optional>
#include <span>

#include "ops/op.hpp"

/// Arithmetic on sizes that may be symbols. What does not follow is an unknown size.
namespace fovea::ops {

/// a + b.
ir::Dim add(const ir::Dim& a, const ir::Dim& b);

/// Product of all sizes; a symbol survives when every other size is 1.
ir::Dim product(std::span<const ir::Dim> sizes);

/// The size x for which the products of `whole` and of x, `parts` are equal; equal factors cancel first. Throws when
/// numbers remain that do not divide.
ir::Dim quotient(const NodeView& node, ir::Dims whole, ir::Dims parts);

/// Content of input `i` as sizes when it is an integer tensor of at most 1024 elements whose number is known; elements
/// that are not known are unknown sizes. A negative constant (an axis, "infer this") is a size with that value.
std::optional<ir::Dims> small_content(const InferContext& c, std::size_t i);

/// Sets the content of output 0 when the numbers of elements agree.
void keep_content(InferContext& c, const std::optional<ir::Dims>& content);

/// Known number of elements, or -1.
std::int64_t known_count(const std::optional<ir::Dims>& dims);

}  // namespace fovea::ops
