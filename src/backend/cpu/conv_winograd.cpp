#include "backend/cpu/conv.hpp"
#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/winograd.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// The region's pointers are filled in at run time; everything else is fixed.
class WinogradKernel final : public Kernel {
  public:
    WinogradKernel(simd::WinogradConv conv, std::vector<ConvSource> sources, int residual,
                   PackedConstants::Block weights, std::vector<float> bias, int threads)
        : conv_(conv),
          sources_(std::move(sources)),
          residual_(residual),
          weights_(std::move(weights)),
          bias_(std::move(bias)),
          threads_(threads) {
        conv_.weights = reinterpret_cast<const float*>(weights_.get());
        conv_.epilogue.bias = bias_.empty() ? nullptr : bias_.data();
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            conv_.sources[i].rows = sources_[i].rows.data();
            conv_.sources[i].columns = sources_[i].columns.data();
        }
    }

    void run(const KernelArgs& args) const override {
        simd::WinogradConv conv = conv_;
        for (std::size_t i = 0; i < sources_.size(); ++i) conv.sources[i].data = args.inputs[sources_[i].input];
        if (residual_ >= 0) conv.epilogue.residual = args.inputs[residual_];
        conv.output = args.outputs[0];
        simd::winograd_conv(conv, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return simd::winograd_workspace(conv_, threads_); }
    [[nodiscard]] std::string implementation() const override {
        return "winograd F(4x4, 3x3), products in " + std::string(to_string(conv_.multiply));
    }

  private:
    simd::WinogradConv conv_;
    std::vector<ConvSource> sources_;
    int residual_;
    PackedConstants::Block weights_;
    std::vector<float> bias_;
    int threads_;
};

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
    const auto epilogue = simd_epilogue(context, region.epilogue, context.region.outputs[0]);
    return epilogue.has_value();
}

bool winograd_in_words(const RegionContext& context, const ConvRegion& region) {
    return context.dtype(region.conv->inputs[0]) == DType::bf16 && simd::target_has_word_products();
}

std::unique_ptr<Kernel> prepare_winograd(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_winograd(context, region))
        throw Error(ErrorCode::unsupported, "the convolution does not suit Winograd's algorithm");
    const TensorDesc target = context.output_desc(0, tactic);
    const Tensor& weights = *context.constant(region.conv->inputs[1]);
    const SimdEpilogue epilogue = *simd_epilogue(context, region.epilogue, context.region.outputs[0]);

    simd::WinogradConv conv;
    conv.batch = static_cast<int>(target.shape[0]);
    conv.height = static_cast<int>(target.shape[2]);
    conv.width = static_cast<int>(target.shape[3]);
    conv.out_channels = static_cast<int>(target.shape[1]);
    conv.type = context.dtype(region.conv->inputs[0]);
    conv.output_type = target.dtype;
    if (tactic.name == "winograd:i16") conv.multiply = DType::i16;
    conv.output_pitch = pitch_of(target);
    conv.epilogue = epilogue.steps;
    int residual = -1;
    if (epilogue.residual != ir::kNone) {
        residual = static_cast<int>(context.input_index(epilogue.residual));
        conv.epilogue.residual_pitch = pitch_of(context.input_desc(static_cast<std::size_t>(residual), tactic));
    }
    auto sources = conv_sources(context, tactic, region, simd::winograd_table_size(conv.height),
                                simd::winograd_table_size(conv.width), conv.sources);
    const std::string key = context.graph.value(region.conv->inputs[1]).name + "@" + tactic.name + ":" +
                            std::to_string(conv.sources[0].channels);
    const auto make = [&]() -> PackedConstants::Block {
        const std::size_t bytes = simd::winograd_packed_size(conv) * sizeof(float);
        auto block = PackedConstants::allocate(bytes);
        if (context.packed) context.packed->account(bytes);
        const Tensor filters = weights.cast(DType::f32);
        simd::winograd_pack(conv, filters.as<float>().data(), reinterpret_cast<float*>(block.get()));
        return block;
    };
    auto packed = context.packed ? context.packed->get(key, make) : make();
    std::vector<float> bias;
    if (region.conv->inputs.size() > 2 && region.conv->inputs[2] != ir::kNone)
        bias = context.constant(region.conv->inputs[2])->to_float();
    return std::make_unique<WinogradKernel>(conv, std::move(sources), residual, std::move(packed), std::move(bias),
                                            context.threads);
}

}  // namespace fovea::backend::cpu
