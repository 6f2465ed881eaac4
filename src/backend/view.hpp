#pragma once

#include "backend/family.hpp"

namespace fovea::backend {

/// Operators that only give a tensor another shape.
std::variant<Region, Refusal> match_view(const MatchContext& context, ir::NodeId root);
/// The input's memory under the output's shape: plain, and channels_last where batch and channels stay.
std::vector<Tactic> view_tactics(const RegionContext& context);

}  // namespace fovea::backend
