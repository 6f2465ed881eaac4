#include "backend/epilogue.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "backend/family.hpp"
#include "base/dispatch.hpp"

namespace fovea::backend {
namespace {

struct Row {
    std::string_view op;
    Activation activation;
    float alpha, beta;  ///< defaults of the attributes "alpha" and "beta"
};

constexpr std::array kActivations = {
    Row{"Relu", Activation::relu, 0, 0},
    Row{"LeakyRelu", Activation::leaky_relu, 0.01f, 0},
    Row{"Elu", Activation::elu, 1, 0},
    Row{"Sigmoid", Activation::sigmoid, 0, 0},
    Row{"Tanh", Activation::tanh, 0, 0},
    Row{"Swish", Activation::swish, 1, 0},
    Row{"HardSwish", Activation::hard_swish, 1.0f / 6, 0.5f},
    Row{"HardSigmoid", Activation::hard_sigmoid, 0.2f, 0.5f},
    Row{"Gelu", Activation::gelu_erf, 0, 0},
    Row{"Clip", Activation::clip, 0, 0},
    Row{"Softplus", Activation::softplus, 0, 0},
    Row{"Mish", Activation::mish, 0, 0},
    Row{"Reciprocal", Activation::reciprocal, 0, 0},
};

/// Scalar content of an input, or `fallback` when it is omitted; nothing when it is not known.
std::optional<float> scalar(const ops::ValueTable& values, const ir::Node& node, std::size_t i, float fallback) {
    if (i >= node.inputs.size() || node.inputs[i] == ir::kNone) return fallback;
    const Tensor& tensor = values[static_cast<std::size_t>(node.inputs[i])].constant;
    if (!tensor || tensor.size() != 1) return std::nullopt;
    return tensor.to_float()[0];
}

std::optional<EpilogueStep> activation_step(const ops::ValueTable& values, const ir::Node& node) {
    for (const Row& row : kActivations) {
        if (row.op != node.op) continue;
        EpilogueStep step{EpilogueStep::Kind::activation, row.activation, row.alpha, row.beta};
        if (row.activation == Activation::clip) {
            const auto low = scalar(values, node, 1, std::numeric_limits<float>::lowest());
            const auto high = scalar(values, node, 2, std::numeric_limits<float>::max());
            if (!low || !high) return std::nullopt;
            step.alpha = *low;
            step.beta = *high;
            return step;
        }
        if (row.activation == Activation::gelu_erf && node.get<std::string>("approximate", "none") == "tanh")
            step.activation = Activation::gelu_tanh;
        if (row.activation != Activation::hard_swish) {
            step.alpha = node.get("alpha", row.alpha);
            step.beta = node.get("beta", row.beta);
        }
        return step;
    }
    return std::nullopt;
}

/// Batch normalisation with constant statistics as scale and shift.
std::optional<EpilogueStep> affine_step(const ops::ValueTable& values, const ir::Node& node) {
    if (node.op != "BatchNormalization" || node.inputs.size() != 5 || node.get<std::int64_t>("training_mode", 0))
        return std::nullopt;
    std::array<std::vector<float>, 4> parameters;
    for (std::size_t i = 0; i < 4; ++i) {
        const Tensor& tensor = values[static_cast<std::size_t>(node.inputs[i + 1])].constant;
        if (!tensor) return std::nullopt;
        parameters[i] = tensor.to_float();
    }
    const auto& [gamma, beta, mean, variance] = parameters;
    const float epsilon = node.get("epsilon", 1e-5f);
    std::vector<float> scale, shift;
    for (std::size_t c = 0; c < gamma.size(); ++c) {
        scale.push_back(gamma[c] / std::sqrt(variance[c] + epsilon));
        shift.push_back(beta[c] - mean[c] * scale[c]);
    }
    EpilogueStep step{EpilogueStep::Kind::affine};
    const Shape shape = {static_cast<std::int64_t>(scale.size())};
    step.scale = Tensor::from<float>(shape, scale);
    step.shift = Tensor::from<float>(shape, shift);
    return step;
}

}  // namespace

std::optional<EpilogueStep> as_step(const ops::ValueTable& values, const ir::Node& node, ir::ValueId chain) {
    const auto& info = values[static_cast<std::size_t>(chain)];
    if (!own_float(info.dtype) || node.outputs.size() != 1 || node.inputs.empty()) return std::nullopt;
    const auto& result = values[static_cast<std::size_t>(node.outputs[0])];
    const auto shape = ir::known_shape(info.dims);
    if (!shape || ir::known_shape(result.dims) != shape || !own_float(result.dtype)) return std::nullopt;
    if (node.op == "Cast") return EpilogueStep{EpilogueStep::Kind::cast};
    if (node.inputs[0] == chain) {
        if (auto step = activation_step(values, node)) return step;
        if (auto step = affine_step(values, node)) return step;
    }
    if ((node.op == "Add" || node.op == "Mul") && node.inputs.size() == 2 && node.inputs[0] != node.inputs[1]) {
        const ir::ValueId other = node.inputs[0] == chain ? node.inputs[1] : node.inputs[0];
        EpilogueStep step{node.op == "Add" ? EpilogueStep::Kind::add : EpilogueStep::Kind::mul};
        step.operand = other;
        return step;
    }
    return std::nullopt;
}

Epilogue match_epilogue(const MatchContext& context, ir::ValueId start, std::size_t most,
                        bool (*accept)(const MatchContext&, const EpilogueStep&, ir::ValueId chain), ChainEnd end) {
    Epilogue epilogue;
    epilogue.result = start;
    std::size_t casts = 0;
    while (context.fuse && epilogue.steps.size() < most + casts) {
        const ir::NodeId next = context.sole_consumer(epilogue.result);
        if (next == ir::kNone) break;
        const auto step = as_step(context.values, context.graph.node(next), epilogue.result);
        if (!step || !accept(context, *step, epilogue.result)) break;
        epilogue.steps.push_back(*step);
        epilogue.nodes.push_back(next);
        epilogue.result = context.graph.node(next).outputs[0];
        if (step->kind != EpilogueStep::Kind::cast) continue;
        if (end == ChainEnd::cast || context.info(epilogue.result).dtype != DType::f32) break;
        ++casts;
    }
    return epilogue;
}

Epilogue read_epilogue(const RegionContext& context, ir::ValueId start, std::size_t first) {
    Epilogue epilogue;
    epilogue.result = start;
    for (std::size_t i = first; i < context.region.nodes.size(); ++i) {
        const ir::Node& node = context.node(i);
        const auto step = as_step(context.values, node, epilogue.result);
        if (!step) break;
        epilogue.steps.push_back(*step);
        epilogue.nodes.push_back(context.region.nodes[i]);
        epilogue.result = node.outputs[0];
    }
    return epilogue;
}

}  // namespace fovea::backend
