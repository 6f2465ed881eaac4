#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"
#include "backend/cuda/simple_kernel.hpp"

namespace fovea::backend::cuda {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "CumSum" && node.op != "CumProd") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!has_element(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "takes f32, f16, bf16 and integers of 8 to 64 bits");
    if (!context.info(node.inputs[1]).constant)
        return refuse(Reason::unsupported_attribute, "an axis that is computed at run time");
    if (x->empty() || base::element_count(*x) == 0)
        return refuse(Reason::unsupported_shape, "a scalar or empty tensor");
    if (base::element_count(*x) >= std::int64_t{1} << 26)
        return refuse(Reason::unsupported_shape, "over 2^26 elements");
    return make_region(context, "cumulative", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    return {uniform_tactic(context, "plain", Layout::plain)};
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic);
    const Line line = line_of(source, context.info(node.inputs[1]).constant.to_int64()[0]);
    KernelSource code;
    code.text("using In = " + std::string(element_name(source.dtype)) + ";\n");
    code.text("using Wide = " + std::string(wide_name(source.dtype)) + ";\n");
    code.constant("kLength", line.length).constant("kInnermost", line.inner == 1);
    code.constant("kProduct", node.op == "CumProd");
    code.constant("kExclusive", node.get<std::int64_t>("exclusive", 0) != 0);
    code.constant("kReverse", node.get<std::int64_t>("reverse", 0) != 0);
    code.text(kernel_text("row_arguments.hpp"));
    CumulativeArgs args{};
    args.lines = static_cast<int>(line.outer * line.inner);
    args.inner = make_divisor(line.inner);
    const std::int64_t threads = args.lines * std::int64_t{line.inner == 1 ? 32 : 1};
    return std::make_unique<LineKernel<CumulativeArgs>>(
        std::make_unique<Function>(target.device, code.finish("cumulative.cuh"), "cumulative"), args,
        static_cast<unsigned>((threads + 255) / 256), 256, "own running sum");
}

}  // namespace

CudaFamily cumulative_kernels() { return {"cumulative", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
