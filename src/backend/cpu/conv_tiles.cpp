#include "backend/cpu/conv_own.hpp"
#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/tile_conv.hpp"
#include "backend/cpu/simd/tiles.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// Below these the tiles are mostly padding.
constexpr std::int64_t kLeastInput = 32, kLeastOutput = 16;
/// Steps of 32 channels of one tap: below, oneDNN's kernel is as good (docs/decisions/0004-tiles.md), unless it needs a
/// prologue written out.
constexpr std::int64_t kLeastSteps = 36, kLeastTaps = 4;

}  // namespace

bool suits_tiles(const RegionContext& context, const ConvRegion& region) {
    if (!simd::target_has_tiles() || context.dtype(region.conv->inputs[0]) != DType::bf16 || region.group != 1)
        return false;
    const std::int64_t taps = region.window.kernel[0] * region.window.kernel[1], channels = region.input[1];
    if (channels < kLeastInput || context.shape(region.conv->outputs[0])[1] < kLeastOutput || taps < kLeastTaps ||
        !pads_in_one_place(region))
        return false;
    if (region.prologue.trivial() && taps * channels < kLeastSteps * simd::kTileDepth) return false;
    return simd_epilogue(context, region.epilogue, context.region.outputs[0]).has_value();
}

std::unique_ptr<Kernel> prepare_tiles(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_tiles(context, region))
        throw Error(ErrorCode::unsupported, "the convolution does not suit tile registers, or the machine has none");
    const TensorDesc target = context.output_desc(0, tactic);
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    const auto& w = region.window;
    simd::TileConv conv;
    conv.batch = size(target.shape[0]);
    conv.height = size(target.shape[2]);
    conv.width = size(target.shape[3]);
    conv.out_channels = size(target.shape[1]);
    conv.kernel_height = size(w.kernel[0]);
    conv.kernel_width = size(w.kernel[1]);
    conv.stride_y = size(w.strides[0]);
    conv.stride_x = size(w.strides[1]);
    conv.dilation_y = size(w.dilations[0]);
    conv.dilation_x = size(w.dilations[1]);
    conv.type = target.dtype;
    conv.output_pitch = pitch_of(target);
    const int residual = set_epilogue(
        context, tactic, *simd_epilogue(context, region.epilogue, context.region.outputs[0]), conv.epilogue);
    auto sources = conv_sources(
        context, tactic, region,
        simd::tile_conv_table_size(conv.height, conv.kernel_height, conv.stride_y, conv.dilation_y),
        simd::tile_conv_table_size(conv.width, conv.kernel_width, conv.stride_x, conv.dilation_x), conv.sources);
    auto weights =
        packed_weights(context, region, "tiles:" + std::to_string(conv.sources[0].channels),
                       simd::tile_conv_packed_size(conv) / sizeof(float),
                       [&](const float* filters, float* packed) { simd::tile_conv_pack(conv, filters, packed); });
    const auto compute = [](const simd::TileConv& c, void* workspace, int threads) noexcept {
        simd::tile_conv(c, workspace, threads);
    };
    return make_own_conv<simd::TileConv>({.conv = conv,
                                          .implementation = "product of bf16 tiles",
                                          .workspace = simd::tile_conv_workspace(conv, context.threads),
                                          .compute = compute,
                                          .sources = std::move(sources),
                                          .residual = residual,
                                          .weights = std::move(weights),
                                          .bias = bias_of(context, region)},
                                         context);
}

}  // namespace fovea::backend::cpu
