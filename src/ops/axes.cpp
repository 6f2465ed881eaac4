#include "ops/axes.hpp"

#include <algorithm>
#include <numeric>

namespace fovea::ops {

std::vector<std::size_t> distinct_axes(const NodeView& node, const std::vector<std::int64_t>& axes, std::size_t rank,
                                       const std::string& what) {
    const auto count = static_cast<std::int64_t>(rank);
    std::vector<std::size_t> result;
    for (const std::int64_t axis : axes) {
        node.require(axis >= -count && axis < count, what + ": expected axes of a tensor of rank " +
                                                         std::to_string(rank) + ", found " + std::to_string(axis));
        result.push_back(static_cast<std::size_t>(axis < 0 ? axis + count : axis));
        node.require(std::count(result.begin(), result.end(), result.back()) == 1,
                     what + ": axis " + std::to_string(result.back()) + " is named twice");
    }
    return result;
}

std::vector<std::int64_t> first_axes(std::size_t count) {
    std::vector<std::int64_t> axes(count);
    std::iota(axes.begin(), axes.end(), 0);
    return axes;
}

}  // namespace fovea::ops
