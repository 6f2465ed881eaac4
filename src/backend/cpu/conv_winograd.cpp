#include "backend/cpu/conv.hpp"
#include "backend/cpu/simd/winograd.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {


/// The region's pointers are filled in at run time; everything else is fixed.
class WinogradKernel final : public Kernel {
  public:
    struct Source {
        std::size_t input;
        std::vector<std::int32_t> rows, columns;
    };

    WinogradKernel(simd::WinogradConv conv, std::vector<Source> sources, int residual, PackedConstants::Block weights, std::vector<float> bias, int threads)
        : conv_(conv), sources_(std::move(sources)), residual_(residual), weights_(std::move(weights)), bias_(std::move(bias)), threads_(threads) {
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
    [[nodiscard]] std::string implementation() const override { return "winograd F(4x4, 3x3)"; }

  private:
    simd::WinogradConv conv_;
    std::vector<Source> sources_;
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
    if (region.group != 1 || !all(region.window.kernel, 3) || !all(region.window.strides, 1) || !all(region.window.dilations, 1)) return false;
    // Zero padding behind a reflected border would need a table of both; nobody writes that.
    if (region.prologue.pad != ConvPrologue::Pad::zero && !(all(region.window.pads_begin, 0) && all(region.window.pads_end, 0))) return false;
    return simd_epilogue(context, region.epilogue, context.region.outputs[0]).has_value();
}

std::unique_ptr<Kernel> prepare_winograd(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    if (!suits_winograd(context, region)) throw Error(ErrorCode::unsupported, "the convolution does not suit Winograd's algorithm");
    const TensorDesc target = context.output_desc(0, tactic);
    const Tensor& weights = *context.constant(region.conv->inputs[1]);
    const SimdEpilogue epilogue = *simd_epilogue(context, region.epilogue, context.region.outputs[0]);

    simd::WinogradConv conv;
    conv.batch = static_cast<int>(target.shape[0]);
    conv.height = static_cast<int>(target.shape[2]);
    conv.width = static_cast<int>(target.shape[3]);
    conv.out_channels = static_cast<int>(target.shape[1]);
    conv.type = target.dtype;
    conv.output_pitch = pitch_of(target);
    conv.epilogue = epilogue.steps;
    int residual = -1;
    if (epilogue.residual != ir::kNone) {
        residual = static_cast<int>(context.input_index(epilogue.residual));
        conv.epilogue.residual_pitch = pitch_of(context.input_desc(static_cast<std::size_t>(residual), tactic));
    }
    std::vector<WinogradKernel::Source> sources;
    for (std::size_t i = 0; i < region.prologue.sources.size(); ++i) {
        const auto& source = region.prologue.sources[i];
        const std::size_t input = context.input_index(source.value);
        const TensorDesc desc = context.input_desc(input, tactic);
        conv.sources[i].pitch = pitch_of(desc);
        conv.sources[i].channels = static_cast<int>(desc.shape[1]);
        const auto table = [&](std::int64_t output, std::size_t axis) {
            std::vector<std::int32_t> entries(static_cast<std::size_t>(simd::winograd_table_size(static_cast<int>(output))));
            const auto mode = region.prologue.pad == ConvPrologue::Pad::reflect ? simd::PadMode::reflect
                              : region.prologue.pad == ConvPrologue::Pad::edge  ? simd::PadMode::edge
                                                                                : simd::PadMode::zero;
            simd::fill_source_index(entries.data(), static_cast<int>(entries.size()), static_cast<int>(desc.shape[axis + 2]),
                                    static_cast<int>(region.prologue.pads_begin[axis] + region.window.pads_begin[axis]),
                                    static_cast<int>(region.prologue.pads_end[axis] + region.window.pads_end[axis]), mode, static_cast<int>(source.upsample));
            return entries;
        };
        sources.push_back({input, table(target.shape[2], 0), table(target.shape[3], 1)});
    }
    const int a = conv.sources[0].channels, b = conv.sources[1].channels;
    const std::string key = context.graph.value(region.conv->inputs[1]).name + "@winograd:" + std::to_string(a) + "+" + std::to_string(b);
    const auto make = [&]() -> PackedConstants::Block {
        const std::size_t bytes = simd::winograd_packed_size(conv.out_channels, a, b) * sizeof(float);
        auto block = PackedConstants::allocate(bytes);
        if (context.packed) context.packed->account(bytes);
        const Tensor filters = weights.cast(DType::f32);
        simd::winograd_pack(filters.as<float>().data(), conv.out_channels, a, b, reinterpret_cast<float*>(block.get()));
        return block;
    };
    auto packed = context.packed ? context.packed->get(key, make) : make();
    std::vector<float> bias;
    if (region.conv->inputs.size() > 2 && region.conv->inputs[2] != ir::kNone) bias = context.constant(region.conv->inputs[2])->to_float();
    return std::make_unique<WinogradKernel>(conv, std::move(sources), residual, std::move(packed), std::move(bias), context.threads);
}

}  // namespace fovea::backend::cpu
