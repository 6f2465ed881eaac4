#pragma once

#include "ops/op.hpp"

namespace fovea::ops {

/// Input `i` holds i32 or i64.
void expect_indices(const InferContext& c, std::size_t i);

/// `index` counted from the front of an axis of `size` places; throws outside of [-size, size).
std::int64_t from_front(const NodeView& node, std::int64_t index, std::int64_t size);

}  // namespace fovea::ops
