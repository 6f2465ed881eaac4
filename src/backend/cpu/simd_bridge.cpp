#include "backend/cpu/simd_bridge.hpp"

namespace fovea::backend::cpu {
namespace {

/// The own kernels' name of an activation; nothing where its parameters are not the usual ones.
std::optional<simd::Activation> activation_of(const EpilogueStep& step) {
    switch (step.activation) {
        case Activation::none: return simd::Activation::none;
        case Activation::relu: return simd::Activation::relu;
        case Activation::leaky_relu: return simd::Activation::leaky_relu;
        case Activation::elu: return simd::Activation::elu;
        case Activation::sigmoid: return simd::Activation::sigmoid;
        case Activation::tanh: return simd::Activation::tanh;
        case Activation::swish: return step.alpha == 1 ? std::optional(simd::Activation::silu) : std::nullopt;
        case Activation::hard_swish: return simd::Activation::hard_swish;
        case Activation::hard_sigmoid: return simd::Activation::hard_sigmoid;
        case Activation::gelu_erf: return simd::Activation::gelu;
        case Activation::gelu_tanh: return simd::Activation::gelu_tanh;
        case Activation::clip: return simd::Activation::clip;
        case Activation::softplus: return simd::Activation::softplus;
        case Activation::mish: return simd::Activation::mish;
        case Activation::reciprocal: break;
    }
    return std::nullopt;
}

}  // namespace

simd::Pitch pitch_of(const TensorDesc& desc) {
    return {desc.shape[2] * desc.shape[3] * desc.pitch, desc.shape[3] * desc.pitch, desc.pitch};
}

bool own_activation(const EpilogueStep& step) { return activation_of(step).has_value(); }

std::optional<SimdEpilogue> simd_epilogue(const RegionContext& context, const Epilogue& epilogue, ir::ValueId output) {
    SimdEpilogue result;
    for (const EpilogueStep& step : epilogue.steps) {
        if (step.kind == EpilogueStep::Kind::cast) {
            result.casts = true;  // always the last step
            continue;
        }
        if (result.steps.activation != simd::Activation::none) return std::nullopt;
        if (step.kind == EpilogueStep::Kind::activation) {
            const auto activation = activation_of(step);
            if (!activation) return std::nullopt;
            result.steps.activation = *activation;
            result.steps.alpha = step.alpha;
            result.steps.beta = step.beta;
        } else if (step.kind == EpilogueStep::Kind::add && result.residual == ir::kNone &&
                   !context.constant(step.operand) && context.shape(step.operand) == context.shape(output) &&
                   context.dtype(step.operand) == context.dtype(output)) {
            result.residual = step.operand;
        } else {
            return std::nullopt;
        }
    }
    return result;
}

}  // namespace fovea::backend::cpu
