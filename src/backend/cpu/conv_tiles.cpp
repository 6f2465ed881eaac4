#include "backend/cpu/conv.hpp"
#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/tile_conv.hpp"
#include "backend/cpu/simd/tiles.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// Below these the tiles are mostly padding, or oneDNN's kernel is as good (docs/decisions/0004-tiles.md). A step is 32
/// channels of one tap.
constexpr std::int64_t kLeastChannels = 32, kLeastSteps = 64, kLeastTaps = 4;

class TileConvKernel final : public Kernel {
  public:
    TileConvKernel(const simd::TileConv& conv, std::vector<ConvSource> sources, int residual,
                   PackedConstants::Block weights, std::vector<float> bias, int threads)
        : conv_(conv),
          sources_(std::move(sources)),
          residual_(residual),
          weights_(std::move(weights)),
          bias_(std::move(bias)),
          threads_(threads) {
        conv_.weights = weights_.get();
        conv_.epilogue.bias = bias_.empty() ? nullptr : bias_.data();
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            conv_.sources[i].rows = sources_[i].rows.data();
            conv_.sources[i].columns = sources_[i].columns.data();
        }
    }
    void run(const KernelArgs& args) const override {
        simd::TileConv conv = conv_;
        for (std::size_t i = 0; i < sources_.size(); ++i) conv.sources[i].data = args.inputs[sources_[i].input];
        if (residual_ >= 0) conv.epilogue.residual = args.inputs[residual_];
        conv.output = args.outputs[0];
        simd::tile_conv(conv, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return simd::tile_conv_workspace(conv_, threads_); }
    [[nodiscard]] std::string implementation() const override { return "product of bf16 tiles"; }

  private:
    simd::TileConv conv_;
    std::vector<ConvSource> sources_;
    int residual_;
    PackedConstants::Block weights_;
    std::vector<float> bias_;
    int threads_;
};

/// The sizes of a region's convolution.
simd::TileConv describe(const RegionContext& context, const Tactic& tactic, const ConvRegion& region) {
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
    return conv;
}

}  // namespace

bool suits_tiles(const RegionContext& context, const ConvRegion& region) {
    if (!simd::target_has_tiles() || context.dtype(region.conv->inputs[0]) != DType::bf16 || region.group != 1)
        return false;
    const std::int64_t taps = region.window.kernel[0] * region.window.kernel[1], channels = region.input[1];
    if (channels < kLeastChannels || context.shape(region.conv->outputs[0])[1] < kLeastChannels || taps < kLeastTaps ||
        taps * channels < kLeastSteps * simd::kTileDepth || !pads_in_one_place(region))
        return false;
    return simd_epilogue(context, region.epilogue, context.region.outputs[0]).has_value();
}

std::unique_ptr<Kernel> prepare_tiles(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_tiles(context, region))
        throw Error(ErrorCode::unsupported, "the convolution does not suit tile registers, or the machine has none");
    simd::TileConv conv = describe(context, tactic, region);
    const SimdEpilogue epilogue = *simd_epilogue(context, region.epilogue, context.region.outputs[0]);
    conv.epilogue = epilogue.steps;
    int residual = -1;
    if (epilogue.residual != ir::kNone) {
        residual = static_cast<int>(context.input_index(epilogue.residual));
        conv.epilogue.residual_pitch = pitch_of(context.input_desc(static_cast<std::size_t>(residual), tactic));
    }
    auto sources = conv_sources(
        context, tactic, region,
        simd::tile_conv_table_size(conv.height, conv.kernel_height, conv.stride_y, conv.dilation_y),
        simd::tile_conv_table_size(conv.width, conv.kernel_width, conv.stride_x, conv.dilation_x), conv.sources);
    const auto make = [&]() -> PackedConstants::Block {
        const std::size_t bytes = simd::tile_conv_packed_size(conv);
        auto block = PackedConstants::allocate(bytes);
        if (context.packed) context.packed->account(bytes);
        const Tensor filters = context.constant(region.conv->inputs[1])->cast(DType::f32);
        simd::tile_conv_pack(conv, filters.as<float>().data(), block.get());
        return block;
    };
    const std::string key =
        context.graph.value(region.conv->inputs[1]).name + "@tiles:" + std::to_string(conv.sources[0].channels);
    auto weights = context.packed ? context.packed->get(key, make) : make();
    std::vector<float> bias;
    if (region.conv->inputs.size() > 2 && region.conv->inputs[2] != ir::kNone)
        bias = context.constant(region.conv->inputs[2])->to_float();
    return std::make_unique<TileConvKernel>(conv, std::move(sources), residual, std::move(weights), std::move(bias),
                                            context.threads);
}

}  // namespace fovea::backend::cpu
