#include <algorithm>

#include "backend/cpu/conv_own.hpp"
#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/winograd.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// The own kernels' epilogue and what may follow it: one scale and shift per channel, then perhaps ReLU.
struct WinogradEpilogue {
    SimdEpilogue first;
    std::vector<float> scale, shift;
    bool relu = false;
};

std::optional<WinogradEpilogue> winograd_epilogue(const RegionContext& context, const ConvRegion& region) {
    using Kind = EpilogueStep::Kind;
    WinogradEpilogue result;
    Epilogue first = region.epilogue;
    auto& steps = first.steps;
    const auto affine = std::find_if(steps.begin(), steps.end(), [](const auto& s) { return s.kind == Kind::affine; });
    if (affine != steps.end()) {
        result.scale = affine->scale.to_float(), result.shift = affine->shift.to_float();
        auto rest = std::next(affine);
        result.relu = rest != steps.end() && rest->kind == Kind::activation && rest->activation == Activation::relu;
        if (result.relu) ++rest;
        if (rest != steps.end() && rest->kind != Kind::cast) return std::nullopt;
        steps.erase(affine, rest);
    }
    const auto own = simd_epilogue(context, first, context.region.outputs[0]);
    if (!own) return std::nullopt;
    result.first = *own;
    return result;
}

}  // namespace

bool suits_winograd(const RegionContext& context, const ConvRegion& region) {
    const auto all = [](const std::vector<std::int64_t>& values, std::int64_t expected) {
        for (const std::int64_t value : values)
            if (value != expected) return false;
        return values.size() == 2;
    };
    if (region.group != 1 || !all(region.window.kernel, 3) || !all(region.window.strides, 1) ||
        !all(region.window.dilations, 1))
        return false;
    if (!pads_in_one_place(region)) return false;
    return winograd_epilogue(context, region).has_value();
}

bool winograd_in_words(const RegionContext& context, const ConvRegion& region) {
    return context.dtype(region.conv->inputs[0]) == DType::bf16 && simd::target_has_word_products();
}

std::unique_ptr<Kernel> prepare_winograd(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_winograd(context, region))
        throw Error(ErrorCode::unsupported, "the convolution does not suit Winograd's algorithm");
    const TensorDesc target = context.output_desc(0, tactic);
    const WinogradEpilogue epilogue = *winograd_epilogue(context, region);

    simd::WinogradConv conv;
    conv.batch = static_cast<int>(target.shape[0]);
    conv.height = static_cast<int>(target.shape[2]);
    conv.width = static_cast<int>(target.shape[3]);
    conv.out_channels = static_cast<int>(target.shape[1]);
    conv.type = context.dtype(region.conv->inputs[0]);
    conv.output_type = target.dtype;
    if (tactic.name == "winograd:i16") conv.multiply = DType::i16;
    conv.output_pitch = pitch_of(target);
    conv.last_relu = epilogue.relu;
    const int residual = set_epilogue(context, tactic, epilogue.first, conv.epilogue);
    auto sources = conv_sources(context, tactic, region, simd::winograd_table_size(conv.height),
                                simd::winograd_table_size(conv.width), conv.sources);
    auto weights = packed_weights(
        context, region, tactic.name + ":" + std::to_string(conv.sources[0].channels), simd::winograd_packed_size(conv),
        [&](const float* filters, float* packed) { simd::winograd_pack(conv, filters, packed); });
    const auto compute = [](const simd::WinogradConv& c, void* workspace, int threads) noexcept {
        simd::winograd_conv(c, workspace, threads);
    };
    return make_own_conv<simd::WinogradConv>(
        {.conv = conv,
         .implementation = "winograd F(4x4, 3x3), products in " + std::string(to_string(conv.multiply)),
         .workspace = simd::winograd_workspace(conv, context.threads),
         .compute = compute,
         .sources = std::move(sources),
         .residual = residual,
         .weights = std::move(weights),
         .bias = bias_of(context, region),
         .last_scale = epilogue.scale,
         .last_shift = epilogue.shift},
        context);
}

}  // namespace fovea::backend::cpu
