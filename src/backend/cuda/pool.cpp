#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/pixels.hpp"
#include "backend/cuda/simple_kernel.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cuda {
namespace {

bool global(const ir::Node& node) { return node.op == "GlobalAveragePool" || node.op == "GlobalMaxPool"; }
bool maximum(const ir::Node& node) { return node.op == "MaxPool" || node.op == "GlobalMaxPool"; }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!global(node) && node.op != "MaxPool" && node.op != "AveragePool") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "pooling takes f32, f16 or bf16");
    if (x->size() != 4) return refuse(Reason::unsupported_shape, "other than two spatial axes");
    if (node.outputs.size() > 1 && node.outputs[1] != ir::kNone)
        return refuse(Reason::unsupported_attribute, "indices of the maxima");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_step, ChainEnd::narrowed);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "pool", std::move(nodes));
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    Tactic tactic = uniform_tactic(context, "channels_last", Layout::channels_last);
    tactic.reads_slices = tactic.writes_slices = true;
    std::vector<Tactic> result = {tactic};
    add_plain_outputs(context, result);
    return result;
}

std::unique_ptr<Kernel> prepare_global(const Target& target, const RegionContext& context, const TensorDesc& source,
                                       const TensorDesc& output, EpilogueCode epilogue, std::size_t input) {
    const int width = epilogue.width(
        common_width(4, {output.shape[1], source.pitch, output.pitch, offset_of(context.input_offsets, input),
                         offset_of(context.output_offsets, 0)}));
    KernelSource code;
    code.type("In", source.dtype).type("Out", output.dtype).constant("kWidth", width);
    code.constant("kChannels", source.shape[1]).constant("kMaximum", maximum(context.node(0)));
    code.text(epilogue.text());
    GlobalPoolArgs args{};
    args.pixels = static_cast<int>(source.shape[2] * source.shape[3]);
    args.pitch = static_cast<int>(source.pitch);
    args.output_pitch = static_cast<int>(output.pitch);
    const Function::Grid grid{static_cast<unsigned>(base::ceil_div(source.shape[1], 32 * width)),
                              static_cast<unsigned>(source.shape[0])};
    return std::make_unique<SimpleKernel<GlobalPoolArgs>>(
        std::make_unique<Function>(target.device, code.finish("global_pool.cuh"), "global_pool"), std::move(epilogue),
        args, input, grid, "own pooling");
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), output = channel_rows(context.output_desc(0, tactic));
    EpilogueCode epilogue(target, context, tactic, read_epilogue(context, node.outputs[0], 1), {});
    if (global(node)) return prepare_global(target, context, source, output, std::move(epilogue), input);
    const auto w = ops::sliding_window(ops::NodeView(node), node.get("kernel_shape", std::vector<std::int64_t>()),
                                       Shape(source.shape.begin() + 2, source.shape.end()));
    const int width = epilogue.width(
        common_width(8, {output.shape[1], source.pitch, output.pitch, offset_of(context.input_offsets, input),
                         offset_of(context.output_offsets, 0)}));
    // Threads share large windows, of which there are few.
    const std::int64_t share = w.kernel[0] * w.kernel[1] >= 32 ? 32 : 1;
    KernelSource code;
    code.type("In", source.dtype).type("Out", output.dtype).constant("kWidth", width).constant("kShare", share);
    code.constant("kChannels", source.shape[1]).constant("kMaximum", maximum(node));
    code.constant("kCountPadding", node.get<std::int64_t>("count_include_pad", 0) != 0);
    code.constant("kTapRows", w.kernel[0]).constant("kTapColumns", w.kernel[1]);
    code.constant("kStrideY", w.strides[0]).constant("kStrideX", w.strides[1]);
    code.constant("kDilationY", w.dilations[0]).constant("kDilationX", w.dilations[1]);
    code.text(epilogue.text()).text(kernel_text("pixel.cuh"));
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    PoolArgs args{};
    set_pixels(args, source, output);
    args.pad_y = size(w.pads_begin[0]);
    args.pad_x = size(w.pads_begin[1]);
    args.padded_height = size(source.shape[2] + w.pads_end[0]);
    args.padded_width = size(source.shape[3] + w.pads_end[1]);
    return std::make_unique<SimpleKernel<PoolArgs>>(
        std::make_unique<Function>(target.device, code.finish("pool.cuh"), "pool"), std::move(epilogue), args, input,
        args.rows * (output.shape[1] / width) * share, "own pooling");
}

}  // namespace

CudaFamily pool_kernels() { return {"pool", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
