#include <algorithm>

#include "backend/cuda/conv.hpp"
#include "backend/cuda/pixels.hpp"
#include "backend/cuda/simple_kernel.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

/// Neighbouring pixels of one thread of kernels/depthwise.cuh.
constexpr std::int64_t kRun = 4;

/// Weights as [tap][channel of the group][output].
std::vector<std::byte> packed_weights(const Tensor& weights) {
    const auto values = weights.to_float();
    const Shape& s = weights.shape();
    const std::int64_t taps = s[2] * s[3];
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    auto* packed = reinterpret_cast<float*>(bytes.data());
    for (std::int64_t n = 0; n < s[0]; ++n)
        for (std::int64_t c = 0; c < s[1]; ++c)
            for (std::int64_t tap = 0; tap < taps; ++tap)
                packed[(tap * s[1] + c) * s[0] + n] = values[static_cast<std::size_t>((n * s[1] + c) * taps + tap)];
    return bytes;
}

}  // namespace

bool suits_depthwise(const RegionContext& context, const ConvRegion& region) {
    const Shape& weights = context.constant(region.conv->inputs[1])->shape();
    return suits_direct(context, region) && weights[1] == 1 && weights[0] == region.group;
}

bool suits_direct(const RegionContext& context, const ConvRegion& region) {
    if (!region.prologue.trivial()) return false;
    const auto& inputs = context.region.inputs;
    return std::find(inputs.begin(), inputs.end(), region.conv->inputs[0]) != inputs.end();
}

std::unique_ptr<Kernel> prepare_direct(const Target& target, const RegionContext& context, const Tactic& tactic,
                                       const ConvRegion& region) {
    if (!suits_direct(context, region)) throw Error(ErrorCode::unsupported, "the convolution has a prologue");
    const std::size_t input = context.input_index(region.conv->inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), output = channel_rows(context.output_desc(0, tactic));
    const Tensor& weights = *context.constant(region.conv->inputs[1]);
    const auto& w = region.window;
    const std::int64_t outputs = output.shape[1], in_group = weights.shape()[1], out_group = outputs / region.group;
    const bool runs = tactic.name == "depthwise";
    if (runs && !suits_depthwise(context, region)) throw Error(ErrorCode::unsupported, "the convolution has groups");
    EpilogueCode epilogue(target, context, tactic, region.epilogue, bias_of(context, region));
    int width = 8;
    if (in_group == 1 && out_group == 1)
        width = common_width(width, {source.pitch, offset_of(context.input_offsets, input)});
    else
        width = common_width(width, {out_group});
    width = epilogue.width(common_width(width, {outputs, output.pitch, offset_of(context.output_offsets, 0)}));
    KernelSource code;
    code.type("In", source.dtype).type("Out", output.dtype).constant("kWidth", width);
    code.constant("kOutputs", outputs);
    if (runs)
        code.constant("kRun", kRun);
    else
        code.constant("kInGroup", in_group).constant("kOutGroup", out_group);
    code.constant("kTapRows", w.kernel[0]).constant("kTapColumns", w.kernel[1]);
    code.constant("kStrideY", w.strides[0]).constant("kStrideX", w.strides[1]);
    code.constant("kDilationY", w.dilations[0]).constant("kDilationX", w.dilations[1]);
    code.constant("kPad", 0).constant("kPasses", 1);
    code.text(epilogue.text()).text(kernel_text("mma.cuh")).text(kernel_text("pixel.cuh"));
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    const auto block = device_constant(target, context, "direct weights", [&] { return packed_weights(weights); });
    DirectArgs args{};
    set_pixels(args, source, output);
    args.weights = block.get();
    args.pad_y = size(w.pads_begin[0]);
    args.pad_x = size(w.pads_begin[1]);
    if (runs) {
        const std::int64_t across = base::ceil_div(output.shape[3], kRun);
        args.rows = size(output.shape[0] * output.shape[2] * across);
        args.pixels = make_divisor(output.shape[2]);
        args.columns = make_divisor(across);
    }
    args.output_width = size(output.shape[3]);
    return std::make_unique<SimpleKernel<DirectArgs>>(
        std::make_unique<Function>(target.device, code.finish(runs ? "depthwise.cuh" : "direct.cuh"),
                                   runs ? "depthwise" : "direct"),
        std::move(epilogue), args, input, args.rows * (outputs / width), "loops", std::vector{block});
}

}  // namespace fovea::backend::cuda
