#include "ops/indices.hpp"

namespace fovea::ops {

void expect_indices(const InferContext& c, std::size_t i) {
    const DType type = c.dtype(i);
    c.require(type == DType::i64 || type == DType::i32,
              "input " + std::to_string(i) + ": expected i32 or i64, found " + std::string(to_string(type)));
}

std::int64_t from_front(const NodeView& node, std::int64_t index, std::int64_t size) {
    node.require(index >= -size && index < size,
                 "the index " + std::to_string(index) + " is outside of an axis of the size " + std::to_string(size));
    return index < 0 ? index + size : index;
}

}  // namespace fovea::ops
