#include "backend/cpu/conv_own.hpp"
#include "backend/cpu/simd/depthwise.hpp"
#include "backend/cpu/simd/narrow_conv.hpp"
#include "backend/cpu/simd/stem_conv.hpp"
#include "backend/cpu/simd/target.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// More channels than this and oneDNN's direct convolution fills the vectors by itself.
constexpr std::int64_t kStemChannels = 4, kNarrowChannels = 8;

DType products(DType type) {
    return type == DType::bf16 && simd::target_has_bf16_products() ? DType::bf16 : DType::f32;
}

SimdEpilogue own_epilogue(const RegionContext& context, const ConvRegion& region) {
    return *simd_epilogue(context, region.epilogue, context.region.outputs[0]);
}

}  // namespace

bool suits_stem(const RegionContext& context, const ConvRegion& region) {
    const auto& w = region.window;
    return region.prologue.trivial() && region.group == 1 && region.input.size() == 4 &&
           region.input[1] <= kStemChannels && w.strides[0] == w.strides[1] && w.dilations[0] == 1 &&
           w.dilations[1] == 1 && simd_epilogue(context, region.epilogue, context.region.outputs[0]).has_value();
}

std::unique_ptr<Kernel> prepare_stem(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_stem(context, region))
        throw Error(ErrorCode::unsupported, "the convolution has too many input channels for this kernel");
    const std::size_t input = context.input_index(region.conv->inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    simd::StemConv conv;
    conv.batch = size(target.shape[0]);
    conv.in_channels = size(source.shape[1]);
    conv.in_height = size(source.shape[2]);
    conv.in_width = size(source.shape[3]);
    conv.out_channels = size(target.shape[1]);
    conv.out_height = size(target.shape[2]);
    conv.out_width = size(target.shape[3]);
    conv.kernel_height = size(region.window.kernel[0]);
    conv.kernel_width = size(region.window.kernel[1]);
    conv.stride = size(region.window.strides[0]);
    conv.pad_top = size(region.window.pads_begin[0]);
    conv.pad_left = size(region.window.pads_begin[1]);
    conv.input_type = source.dtype;
    const bool last = source.layout == Layout::channels_last;
    conv.row_step = last ? source.shape[3] * source.pitch : source.pitch;
    conv.pixel_step = last ? source.pitch : 1;
    conv.channel_step = last ? 1 : source.shape[2] * source.pitch;
    conv.image_step = last ? source.shape[2] * conv.row_step : source.shape[1] * conv.channel_step;
    conv.multiply = products(source.dtype);
    conv.type = target.dtype;
    conv.output_pitch = pitch_of(target);
    const int residual = set_epilogue(context, tactic, own_epilogue(context, region), conv.epilogue);
    auto weights = packed_weights(
        context, region, "stem:" + std::string(to_string(conv.multiply)) + std::string(to_string(source.layout)),
        simd::stem_packed_size(conv),
        [&](const float* filters, float* packed) { simd::stem_pack(conv, filters, packed); });
    return make_own_conv<simd::StemConv>({.conv = conv,
                                          .implementation = "direct, few input channels",
                                          .workspace = simd::stem_workspace(conv, context.threads),
                                          .compute = simd::stem_conv,
                                          .sources = {},
                                          .input = input,
                                          .residual = residual,
                                          .weights = std::move(weights),
                                          .bias = bias_of(context, region)},
                                         context);
}

bool suits_depthwise(const RegionContext& context, const ConvRegion& region) {
    const auto epilogue = simd_epilogue(context, region.epilogue, context.region.outputs[0]);
    return region.prologue.trivial() && region.input.size() == 4 && region.group == region.input[1] &&
           context.shape(region.conv->outputs[0])[1] == region.group && epilogue && !epilogue->casts;
}

std::unique_ptr<Kernel> prepare_depthwise(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_depthwise(context, region)) throw Error(ErrorCode::unsupported, "the convolution is not depthwise");
    const std::size_t input = context.input_index(region.conv->inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    const auto& w = region.window;
    simd::DepthwiseConv conv;
    conv.batch = size(target.shape[0]);
    conv.channels = size(target.shape[1]);
    conv.in_height = size(source.shape[2]);
    conv.in_width = size(source.shape[3]);
    conv.out_height = size(target.shape[2]);
    conv.out_width = size(target.shape[3]);
    conv.kernel_height = size(w.kernel[0]);
    conv.kernel_width = size(w.kernel[1]);
    conv.stride_y = size(w.strides[0]);
    conv.stride_x = size(w.strides[1]);
    conv.dilation_y = size(w.dilations[0]);
    conv.dilation_x = size(w.dilations[1]);
    conv.pad_top = size(w.pads_begin[0]);
    conv.pad_left = size(w.pads_begin[1]);
    conv.type = target.dtype;
    conv.input_pitch = pitch_of(source);
    conv.output_pitch = pitch_of(target);
    const int residual = set_epilogue(context, tactic, own_epilogue(context, region), conv.epilogue);
    auto weights =
        packed_weights(context, region, "depthwise", simd::depthwise_packed_size(conv),
                       [&](const float* filters, float* packed) { simd::depthwise_pack(conv, filters, packed); });
    const auto compute = [](const simd::DepthwiseConv& c, void*, int threads) noexcept {
        simd::depthwise_conv(c, threads);
    };
    return make_own_conv<simd::DepthwiseConv>({.conv = conv,
                                               .implementation = "depthwise",
                                               .workspace = 0,
                                               .compute = compute,
                                               .sources = {},
                                               .input = input,
                                               .residual = residual,
                                               .weights = std::move(weights),
                                               .bias = bias_of(context, region)},
                                              context);
}

bool suits_narrow(const RegionContext& context, const ConvRegion& region) {
    const auto all = [](const std::vector<std::int64_t>& values, std::int64_t expected) {
        return values == std::vector<std::int64_t>{expected, expected};
    };
    if (region.group != 1 || !all(region.window.kernel, 3) || !all(region.window.strides, 1) ||
        !all(region.window.dilations, 1))
        return false;
    if (context.shape(region.conv->outputs[0])[1] > kNarrowChannels || !pads_in_one_place(region)) return false;
    const auto epilogue = simd_epilogue(context, region.epilogue, context.region.outputs[0]);
    return epilogue && epilogue->residual == ir::kNone;
}

std::unique_ptr<Kernel> prepare_narrow(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_narrow(context, region))
        throw Error(ErrorCode::unsupported, "the convolution has too many output channels for this kernel");
    const TensorDesc target = context.output_desc(0, tactic);
    simd::NarrowConv conv;
    conv.batch = static_cast<int>(target.shape[0]);
    conv.height = static_cast<int>(target.shape[2]);
    conv.width = static_cast<int>(target.shape[3]);
    conv.out_channels = static_cast<int>(target.shape[1]);
    conv.type = context.dtype(region.conv->inputs[0]);
    conv.multiply = products(conv.type);
    conv.output_type = target.dtype;
    const bool last = target.layout == Layout::channels_last;
    conv.output_pitch =
        last ? pitch_of(target) : simd::Pitch{target.shape[1] * target.shape[2] * target.pitch, target.pitch, 1};
    conv.output_channel_step = last ? 1 : target.shape[2] * target.pitch;
    const int residual = set_epilogue(context, tactic, own_epilogue(context, region), conv.epilogue);
    auto sources = conv_sources(context, tactic, region, simd::narrow_table_size(conv.height),
                                simd::narrow_table_size(conv.width), conv.sources);
    auto weights = packed_weights(
        context, region,
        "narrow:" + std::string(to_string(conv.multiply)) + ":" + std::to_string(conv.sources[0].channels),
        simd::narrow_packed_size(conv),
        [&](const float* filters, float* packed) { simd::narrow_pack(conv, filters, packed); });
    const auto compute = [](const simd::NarrowConv& c, void*, int threads) noexcept { simd::narrow_conv(c, threads); };
    return make_own_conv<simd::NarrowConv>({.conv = conv,
                                            .implementation = "direct, few output channels",
                                            .workspace = 0,
                                            .compute = compute,
                                            .sources = std::move(sources),
                                            .residual = residual,
                                            .weights = std::move(weights),
                                            .bias = bias_of(context, region)},
                                           context);
}

}  // namespace fovea::backend::cpu
