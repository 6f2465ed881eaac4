#include <tuple>

#include "backend/cpu/conv.hpp"
#include "backend/cpu/simd/depthwise.hpp"
#include "backend/cpu/simd/narrow_conv.hpp"
#include "backend/cpu/simd/stem_conv.hpp"
#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// More channels than this and oneDNN's direct convolution fills the vectors by itself.
constexpr std::int64_t kStemChannels = 4, kNarrowChannels = 8;

std::vector<float> bias_of(const RegionContext& context, const ConvRegion& region) {
    if (region.conv->inputs.size() < 3 || region.conv->inputs[2] == ir::kNone) return {};
    return context.constant(region.conv->inputs[2])->to_float();
}

DType products(DType type) {
    return type == DType::bf16 && simd::target_has_bf16_products() ? DType::bf16 : DType::f32;
}

/// Packed weights under a name that tells the kernels apart.
template <class Pack>
PackedConstants::Block packed_weights(const RegionContext& context, const ConvRegion& region, const std::string& kind,
                                      std::size_t floats, const Pack& pack) {
    const auto make = [&]() -> PackedConstants::Block {
        auto block = PackedConstants::allocate(floats * sizeof(float));
        if (context.packed) context.packed->account(floats * sizeof(float));
        const Tensor filters = context.constant(region.conv->inputs[1])->cast(DType::f32);
        pack(filters.as<float>().data(), reinterpret_cast<float*>(block.get()));
        return block;
    };
    if (!context.packed) return make();
    return context.packed->get(context.graph.value(region.conv->inputs[1]).name + "@" + kind, make);
}

class StemKernel final : public Kernel {
  public:
    StemKernel(simd::StemConv conv, std::size_t input, int residual, PackedConstants::Block weights,
               std::vector<float> bias, int threads)
        : conv_(conv),
          input_(input),
          residual_(residual),
          weights_(std::move(weights)),
          bias_(std::move(bias)),
          threads_(threads) {
        conv_.weights = reinterpret_cast<const float*>(weights_.get());
        conv_.epilogue.bias = bias_.empty() ? nullptr : bias_.data();
    }
    void run(const KernelArgs& args) const override {
        simd::StemConv conv = conv_;
        conv.input = args.inputs[input_];
        if (residual_ >= 0) conv.epilogue.residual = args.inputs[residual_];
        conv.output = args.outputs[0];
        simd::stem_conv(conv, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return simd::stem_workspace(conv_, threads_); }
    [[nodiscard]] std::string implementation() const override { return "direct, few input channels"; }

  private:
    simd::StemConv conv_;
    std::size_t input_;
    int residual_;
    PackedConstants::Block weights_;
    std::vector<float> bias_;
    int threads_;
};

class NarrowKernel final : public Kernel {
  public:
    NarrowKernel(simd::NarrowConv conv, std::vector<ConvSource> sources, PackedConstants::Block weights,
                 std::vector<float> bias, int threads)
        : conv_(conv),
          sources_(std::move(sources)),
          weights_(std::move(weights)),
          bias_(std::move(bias)),
          threads_(threads) {
        conv_.weights = reinterpret_cast<const float*>(weights_.get());
        conv_.bias = bias_.empty() ? nullptr : bias_.data();
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            conv_.sources[i].rows = sources_[i].rows.data();
            conv_.sources[i].columns = sources_[i].columns.data();
        }
    }
    void run(const KernelArgs& args) const override {
        simd::NarrowConv conv = conv_;
        for (std::size_t i = 0; i < sources_.size(); ++i) conv.sources[i].data = args.inputs[sources_[i].input];
        conv.output = args.outputs[0];
        simd::narrow_conv(conv, threads_);
    }
    [[nodiscard]] std::string implementation() const override { return "direct, few output channels"; }

  private:
    simd::NarrowConv conv_;
    std::vector<ConvSource> sources_;
    PackedConstants::Block weights_;
    std::vector<float> bias_;
    int threads_;
};

class DepthwiseKernel final : public Kernel {
  public:
    DepthwiseKernel(simd::DepthwiseConv conv, std::size_t input, int residual, PackedConstants::Block weights,
                    std::vector<float> bias, int threads)
        : conv_(conv),
          input_(input),
          residual_(residual),
          weights_(std::move(weights)),
          bias_(std::move(bias)),
          threads_(threads) {
        conv_.weights = reinterpret_cast<const float*>(weights_.get());
        conv_.epilogue.bias = bias_.empty() ? nullptr : bias_.data();
    }
    void run(const KernelArgs& args) const override {
        simd::DepthwiseConv conv = conv_;
        conv.input = args.inputs[input_];
        if (residual_ >= 0) conv.epilogue.residual = args.inputs[residual_];
        conv.output = args.outputs[0];
        simd::depthwise_conv(conv, threads_);
    }
    [[nodiscard]] std::string implementation() const override { return "depthwise"; }

  private:
    simd::DepthwiseConv conv_;
    std::size_t input_;
    int residual_;
    PackedConstants::Block weights_;
    std::vector<float> bias_;
    int threads_;
};

/// An own kernel's epilogue, and the position of its residual among the inputs (-1: none).
std::pair<simd::Epilogue, int> epilogue_of(const RegionContext& context, const Tactic& tactic,
                                           const ConvRegion& region) {
    SimdEpilogue epilogue = *simd_epilogue(context, region.epilogue, context.region.outputs[0]);
    if (epilogue.residual == ir::kNone) return {epilogue.steps, -1};
    const std::size_t residual = context.input_index(epilogue.residual);
    epilogue.steps.residual_pitch = pitch_of(context.input_desc(residual, tactic));
    return {epilogue.steps, static_cast<int>(residual)};
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
    int residual = -1;
    std::tie(conv.epilogue, residual) = epilogue_of(context, tactic, region);
    auto weights = packed_weights(
        context, region, "stem:" + std::string(to_string(conv.multiply)) + std::string(to_string(source.layout)),
        simd::stem_packed_size(conv),
        [&](const float* filters, float* packed) { simd::stem_pack(conv, filters, packed); });
    return std::make_unique<StemKernel>(conv, input, residual, std::move(weights), bias_of(context, region),
                                        context.threads);
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
    int residual = -1;
    std::tie(conv.epilogue, residual) = epilogue_of(context, tactic, region);
    auto weights =
        packed_weights(context, region, "depthwise", simd::depthwise_packed_size(conv),
                       [&](const float* filters, float* packed) { simd::depthwise_pack(conv, filters, packed); });
    return std::make_unique<DepthwiseKernel>(conv, input, residual, std::move(weights), bias_of(context, region),
                                             context.threads);
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
    const SimdEpilogue epilogue = *simd_epilogue(context, region.epilogue, context.region.outputs[0]);
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
    conv.activation = epilogue.steps.activation;
    conv.alpha = epilogue.steps.alpha;
    conv.beta = epilogue.steps.beta;
    auto sources = conv_sources(context, tactic, region, simd::narrow_table_size(conv.height),
                                simd::narrow_table_size(conv.width), conv.sources);
    auto weights = packed_weights(
        context, region,
        "narrow:" + std::string(to_string(conv.multiply)) + ":" + std::to_string(conv.sources[0].channels),
        simd::narrow_packed_size(conv),
        [&](const float* filters, float* packed) { simd::narrow_pack(conv, filters, packed); });
    return std::make_unique<NarrowKernel>(conv, std::move(sources), std::move(weights), bias_of(context, region),
                                          context.threads);
}

}  // namespace fovea::backend::cpu
