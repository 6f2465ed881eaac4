#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"
#include "backend/cuda/simple_kernel.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr std::int64_t kMostNeighbours = 15;

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "LRN") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "normalisation takes f32, f16 or bf16");
    if (node.get<std::int64_t>("size", 1) > kMostNeighbours)
        return refuse(Reason::unsupported_attribute, "over 15 neighbouring channels");
    if (base::element_count(*x) == 0 || base::element_count(*x) >= std::int64_t{1} << 31)
        return refuse(Reason::unsupported_shape, "an empty tensor or over 2^31 elements");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_anywhere);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "lrn", std::move(nodes));
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result;
    if (has_channels(context, context.node(0).inputs[0]))
        result.push_back(uniform_tactic(context, "channels_last", Layout::channels_last));
    result.push_back(uniform_tactic(context, "plain", Layout::plain));
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic);
    const bool last = source.layout == Layout::channels_last;
    const Line line = line_of(source, 1);
    const std::int64_t size = node.get<std::int64_t>("size", 1), neighbours = last ? line.length : line.inner;
    const int width = common_width(static_cast<int>(16 / element_bytes(source.dtype)), {neighbours});
    EpilogueCode epilogue(target, context, tactic, read_epilogue(context, node.outputs[0], 1), {});
    KernelSource code;
    code.type("In", source.dtype).type("Out", context.output_desc(0, tactic).dtype).constant("kWidth", width);
    code.constant("kChannels", line.length).constant("kInner", line.inner).constant("kChannelsLast", last);
    code.constant("kBefore", (size - 1) / 2).constant("kBehind", size / 2);
    code.text("constexpr float kAlpha = " + literal(node.get("alpha", 1e-4f) / static_cast<float>(size)) + ";\n");
    code.text("constexpr float kBeta = " + literal(node.get("beta", 0.75f)) + ";\n");
    code.text("constexpr float kBias = " + literal(node.get("bias", 1.0f)) + ";\n");
    code.text(epilogue.text()).text(kernel_text("row_arguments.hpp"));
    LrnArgs args{};
    args.vectors = static_cast<int>(base::element_count(source.shape) / width);
    args.inner = make_divisor(neighbours / width);
    args.channels = make_divisor(line.length);
    return std::make_unique<SimpleKernel<LrnArgs>>(
        std::make_unique<Function>(target.device, code.finish("lrn.cuh"), "lrn"), std::move(epilogue), args, 0,
        args.vectors, "own normalisation of channels");
}

}  // namespace

CudaFamily lrn_kernels() { return {"lrn", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
