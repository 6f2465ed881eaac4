#pragma once

#include "backend/family.hpp"

namespace fovea::backend {

std::variant<Region, Refusal> match_transpose(const MatchContext& context, ir::NodeId root);
/// The axis of the input that each axis of the result shows.
std::vector<std::size_t> transpose_order(const ir::Node& node, std::size_t rank);
/// A tactic for every pair of layouts in which the result is the input's memory.
std::vector<Tactic> transpose_aliases(const RegionContext& context);

}  // namespace fovea::backend
