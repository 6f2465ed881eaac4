#pragma once

#include "ops/op.hpp"

namespace fovea::ops {

/// Calls `body(index)` for every place of `box` in row-major order; `index` counts in the whole tensor.
template <class Body>
void for_each_index(const Box& box, const Body& body) {
    for (const std::int64_t size : box.size)
        if (size == 0) return;
    Shape index = box.start;
    while (true) {
        body(static_cast<const Shape&>(index));
        std::size_t axis = index.size();
        while (axis > 0 && ++index[axis - 1] == box.start[axis - 1] + box.size[axis - 1]) {
            --axis;
            index[axis] = box.start[axis];
        }
        if (axis == 0) return;
    }
}

/// Whether `index` lies in a tensor of shape `full`.
inline bool inside(const Shape& index, const Shape& full) {
    for (std::size_t i = 0; i < index.size(); ++i)
        if (index[i] < 0 || index[i] >= full[i]) return false;
    return true;
}

/// Position of the place `index` (counted in the whole tensor) among the elements of `box`.
inline std::size_t offset_in(const Box& box, const Shape& index) {
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < index.size(); ++i) offset = offset * box.size[i] + (index[i] - box.start[i]);
    return static_cast<std::size_t>(offset);
}

/// Place in a tensor of shape `operand`, which broadcasts to the tensor that `index` counts in.
inline Shape broadcast_index(const Shape& index, const Shape& operand) {
    Shape place(operand.size());
    const std::size_t skipped = index.size() - operand.size();
    for (std::size_t i = 0; i < operand.size(); ++i) place[i] = operand[i] == 1 ? 0 : index[skipped + i];
    return place;
}

}  // namespace fovea::ops
