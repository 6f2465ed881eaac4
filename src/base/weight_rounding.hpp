#pragma once

#include <cstdint>

#include "base/tensor.hpp"

namespace fovea::base {

/// Where the weights of one output of a product lie: `length` of them, `step` elements apart. The tensor is a row of
/// blocks of `length` · `step` elements that hold `step` outputs each.
struct WeightLines {
    std::int64_t length, step;
};

/// f32 weights in bf16 or f16. The errors of one output's weights nearly cancel: where they add up to a step or more,
/// the weights that lie closest to the middle between two steps are rounded to the other side. Inputs of a layer are
/// rarely centred (behind ReLU they never are), so that the sum of the errors times the inputs' mean is an offset of
/// the output that plain rounding would leave in every pixel of every image.
Tensor round_weights(const Tensor& weights, DType type, WeightLines lines);

/// The same to the 10 bits behind the point that TF32 keeps: an f32 tensor, which tensor cores take as it is.
Tensor round_weights_to_tf32(const Tensor& weights, WeightLines lines);

}  // namespace fovea::base
