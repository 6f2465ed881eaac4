#pragma once

#include <cstdint>

#include "ir/graph.hpp"

namespace fovea::precision {

/// Where the weights of one output of a product lie: `length` of them, `step` elements apart. The tensor is a row of
/// blocks of `length` · `step` elements that hold `step` outputs each.
struct WeightLines {
    std::int64_t length, step;
};

/// The lines of input `i` of `node`, which has this shape and is rounded on its own; a length of 0 where the input is
/// no matrix of weights.
WeightLines weight_lines(const ir::Node& node, std::size_t i, const Shape& shape);

/// f32 weights in bf16 or f16. The errors of one output's weights nearly cancel: where they add up to a step or more,
/// the weights that lie closest to the middle between two steps are rounded to the other side. Inputs of a layer are
/// rarely centred (behind ReLU they never are), so that the sum of the errors times the inputs' mean is an offset of
/// the output that plain rounding would leave in every pixel of every image.
Tensor round_weights(const Tensor& weights, DType type, WeightLines lines);

}  // namespace fovea::precision
