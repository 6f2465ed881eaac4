#pragma once

#include <string>
#include <vector>

#include "ops/op.hpp"

namespace fovea::ops {

/// `axes` counted from the front for a tensor of `rank` axes; throws when one is outside or named twice. `what` says
/// where they come from.
std::vector<std::size_t> distinct_axes(const NodeView& node, const std::vector<std::int64_t>& axes, std::size_t rank,
                                       const std::string& what);

/// 0, 1, … count - 1.
std::vector<std::int64_t> first_axes(std::size_t count);

}  // namespace fovea::ops
