#pragma once

#include <optional>
#include <vector>

#include "backend/backend.hpp"

namespace fovea::backend {

enum class Activation : std::uint8_t {
    none,
    relu,
    leaky_relu,
    elu,
    sigmoid,
    tanh,
    swish,
    hard_swish,
    hard_sigmoid,
    gelu_erf,
    gelu_tanh,
    clip,
    softplus,
    mish,
    reciprocal,
};

/// One element-wise step behind a convolution, a matrix product or another step.
struct EpilogueStep {
    enum class Kind : std::uint8_t {
        activation,
        add,     ///< + operand
        mul,     ///< · operand
        affine,  ///< · scale + shift, one of each per channel (axis 1)
        cast,    ///< change of float type, done on storing
    };
    Kind kind = Kind::activation;
    Activation activation = Activation::none;
    float alpha = 0, beta = 0;        ///< parameters of the activation; bounds of clip
    ir::ValueId operand = ir::kNone;  ///< of add and mul: a tensor that broadcasts to the result
    Tensor scale, shift;              ///< of affine: f32, one element per channel
};

/// Steps computed while the main result is still in registers.
struct Epilogue {
    std::vector<EpilogueStep> steps;
    std::vector<ir::NodeId> nodes;
    ir::ValueId result = ir::kNone;
};

/// Reads `node` as a step applied to `chain`; nothing when it is none, or when it would change the shape of `chain`.
std::optional<EpilogueStep> as_step(const ops::ValueTable& values, const ir::Node& node, ir::ValueId chain);

/// Where a change of type ends a chain of steps.
enum class ChainEnd : std::uint8_t {
    cast,      ///< always
    narrowed,  ///< unless to f32, for kernels that compute the chain in f32
};

/// The longest chain of steps behind `start` in which every intermediate value has one reader, at most `most` steps,
/// changes of type not counted. `accept` may refuse a step.
Epilogue match_epilogue(const MatchContext& context, ir::ValueId start, std::size_t most,
                        bool (*accept)(const MatchContext&, const EpilogueStep&, ir::ValueId chain),
                        ChainEnd end = ChainEnd::cast);

/// Decodes the chain behind `start` out of a region's nodes from position `first` on, up to a node that is no step.
Epilogue read_epilogue(const RegionContext& context, ir::ValueId start, std::size_t first);

}  // namespace fovea::backend
