#pragma once

#include <optional>
#include <vector>

#include "pass/match.hpp"

/// What convolutions and matrix products share: constant weights whose filters and input channels can be scaled.
namespace fovea::pass {

/// Conv, ConvTranspose, Gemm or MatMul.
bool is_linear(const ir::Node& node);

/// One factor and one summand per channel.
struct Affine {
    ir::ValueId input = ir::kNone;
    std::vector<double> scale, shift;
};

/// The scale and shift per channel along `axis` that `node` applies to its first input: Mul, Add, Sub, Div by constants
/// or BatchNormalization with constant statistics. Needs a known rank and channel count.
std::optional<Affine> affine_of(const View& view, const ir::Node& node, std::int64_t axis, std::int64_t channels);

/// A linear layer with constant floating-point weights.
struct Linear {
    const ir::Node* node = nullptr;
    std::int64_t inputs = 0, outputs = 0;     ///< channels
    std::int64_t rank = 0;                    ///< of input and output
    std::int64_t axis = 0;                    ///< of the channels: 1 for convolutions, the last one for products
    std::optional<std::vector<double>> bias;  ///< not set when the operator has no bias input (MatMul)
};

/// `node` as a linear layer; not set when it is none, its weights are not constant or its bias is not per channel.
std::optional<Linear> linear_layer(const View& view, const ir::Node& node);

/// Weights with every filter, or every input channel, multiplied by a factor.
Tensor scale_outputs(const View& view, const Linear& linear, const std::vector<double>& factors);
Tensor scale_inputs(const View& view, const Linear& linear, const std::vector<double>& factors);

/// Sum over taps and input channels of weight · shift, per output channel: what a shift of the unpadded input adds.
std::vector<double> shift_through(const View& view, const Linear& linear, const std::vector<double>& shift);

/// Adds the layer with other weights and, unless all zero or not possible, another bias. Keeps inputs and attributes.
ir::ValueId replace_weights(const View& view, ir::Patch& patch, const Linear& linear, ir::ValueId input, Tensor weights,
                            const std::vector<double>& bias);

}  // namespace fovea::pass
