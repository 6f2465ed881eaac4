#include "backend/cuda/families.hpp"
#include "backend/cuda/simple_kernel.hpp"
#include "backend/cuda/source.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cuda {
namespace {

std::int64_t group_of(const ir::Node& node) { return node.get<std::int64_t>("group", 1); }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "ConvTranspose") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "transposed convolution takes f32, f16 or bf16");
    if (x->size() != 4 || base::element_count(*y) > (std::int64_t{1} << 30))
        return refuse(Reason::unsupported_shape, "other than two spatial axes, or over 2^30 elements");
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (node.inputs[i] != ir::kNone && !context.graph.constant(node.inputs[i]))
            return refuse(Reason::unsupported_shape, "weights or bias computed at run time");
    if (node.get<std::string>("auto_pad", "NOTSET") != "NOTSET" || node.attributes.contains("output_shape"))
        return refuse(Reason::unsupported_attribute, "padding that follows from the size of the output");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_step);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "transposed_conv", std::move(nodes));
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    Tactic tactic = uniform_tactic(context, "loops", Layout::channels_last);
    tactic.reads_slices = tactic.writes_slices = true;
    return {tactic};
}

/// Weights [channel][output of the group][tap] as [tap][channel of the group][output].
std::vector<float> packed_weights(const Tensor& weights, std::int64_t group) {
    const auto values = weights.to_float();
    const Shape& s = weights.shape();
    const std::int64_t taps = s[2] * s[3], channels = s[0] / group, outputs = s[1] * group;
    std::vector<float> packed(values.size());
    for (std::int64_t c = 0; c < s[0]; ++c)
        for (std::int64_t n = 0; n < s[1]; ++n)
            for (std::int64_t tap = 0; tap < taps; ++tap)
                packed[static_cast<std::size_t>((tap * channels + c % channels) * outputs + c / channels * s[1] + n)] =
                    values[static_cast<std::size_t>((c * s[1] + n) * taps + tap)];
    return packed;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), output = context.output_desc(0, tactic);
    if (base::element_count(output.shape) == 0) return make_alias();
    const Tensor& weights = *context.constant(node.inputs[1]);
    const auto w = ops::sliding_window(ops::NodeView(node), {weights.shape()[2], weights.shape()[3]},
                                       {source.shape[2], source.shape[3]});
    const std::int64_t outputs = output.shape[1], group = group_of(node), out_group = outputs / group;
    std::vector<float> bias;
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone) bias = context.constant(node.inputs[2])->to_float();
    EpilogueCode epilogue(target, context, tactic, read_epilogue(context, node.outputs[0], 1), bias);
    const int width = epilogue.width(common_width(8, {out_group, output.pitch, offset_of(context.output_offsets, 0)}));
    KernelSource code;
    code.type("In", source.dtype).type("Out", output.dtype).constant("kWidth", width);
    code.constant("kOutputs", outputs).constant("kInGroup", source.shape[1] / group).constant("kOutGroup", out_group);
    code.constant("kTapRows", w.kernel[0]).constant("kTapColumns", w.kernel[1]);
    code.constant("kStrideY", w.strides[0]).constant("kStrideX", w.strides[1]);
    code.constant("kDilationY", w.dilations[0]).constant("kDilationX", w.dilations[1]);
    code.text(epilogue.text());
    const auto block = device_constant(target, context, "transposed weights",
                                       std::as_bytes(std::span<const float>(packed_weights(weights, group))));
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    DirectArgs args{};
    args.weights = block.get();
    args.height = size(source.shape[2]);
    args.width = size(source.shape[3]);
    args.pad_y = size(w.pads_begin[0]);
    args.pad_x = size(w.pads_begin[1]);
    args.rows = size(output.shape[0] * output.shape[2] * output.shape[3]);
    args.pixels = make_divisor(output.shape[2] * output.shape[3]);
    args.columns = make_divisor(output.shape[3]);
    args.pitch = size(source.pitch);
    args.output_pitch = size(output.pitch);
    return std::make_unique<SimpleKernel<DirectArgs>>(
        std::make_unique<Function>(target.device, code.finish("transposed_conv.cuh"), "transposed_conv"),
        std::move(epilogue), args, input, args.rows * (outputs / width), "loops", std::vector{block});
}

}  // namespace

CudaFamily transposed_conv_kernels() { return {"transposed_conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
