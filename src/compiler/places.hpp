#pragma once

#include <random>
#include <vector>

#include "backend/backend.hpp"
#include "ops/op.hpp"

namespace fovea::compiler {

/// Places worth looking at in a tensor. Half of the elements go into lines through all channels (axis 1), one of them
/// at the very end; the rest into small boxes: both corners, and boxes that straddle multiples of usual tile sizes.
/// With `spread`, of what has no other witness, into more and smaller ones in all parts of the tensor, in the order in
/// which kernels go through it.
std::vector<ops::Box> sample_boxes(const Shape& shape, std::int64_t elements, bool spread, std::mt19937& random);

/// An element of two results, and how far they lie apart there: infinitely where only one of them is finite.
struct Distance {
    Shape index;
    double size = 0;
};

/// Where two results in equal layouts differ most, the worst place first: one of each part of the tensor, `count` at
/// most, and only where they differ.
std::vector<Distance> largest_distances(const backend::TensorDesc& a, const std::byte* a_data,
                                        const backend::TensorDesc& b, const std::byte* b_data, std::size_t count);

/// Whether two results of one description are equal to the last bit.
bool equal_bits(const backend::TensorDesc& desc, const std::byte* a, const std::byte* b);

}  // namespace fovea::compiler
