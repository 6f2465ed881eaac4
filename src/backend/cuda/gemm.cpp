#include "backend/cuda/gemm.hpp"

#include "backend/cuda/source.hpp"
#include "backend/cuda/vendor.hpp"
#include "backend/cuda/warpgroup_conv.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

/// A product with a constant matrix on the right.
std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "MatMul" && node.op != "Gemm") return refuse(Reason::unsupported_operator);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "matrix product takes f32, f16 or bf16");
    if (!context.graph.constant(node.inputs[1]))
        return refuse(Reason::unsupported_shape, "no constant matrix on the right");
    if (const auto reason = gemm_refusal(context, node, 2)) return *reason;
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone && !context.graph.constant(node.inputs[2]))
        return refuse(Reason::unsupported_shape, "the third input is computed at run time");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue =
        match_epilogue(context, node.outputs[0], kMostSteps, accepts_row_step, ChainEnd::narrowed);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "gemm", std::move(nodes));
}

MmaProblem problem_of(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    return gemm_problem(context, tactic, node, node.inputs[0], node.inputs[1]);
}

std::vector<float> bias_of(const RegionContext& context) {
    const ir::Node& node = context.node(0);
    if (node.inputs.size() < 3 || node.inputs[2] == ir::kNone) return {};
    return context.constant(node.inputs[2])->to_float();
}

std::optional<VendorEpilogue> library_epilogue(const RegionContext& context) {
    return vendor_epilogue(context, read_epilogue(context, context.node(0).outputs[0], 1), bias_of(context));
}

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    Tactic uniform = uniform_tactic(context, "", Layout::plain);
    uniform.reads_slices = uniform.writes_slices = true;
    std::vector<Tactic> result;
    for (const std::string& name : product_tactics(target, problem_of(context, uniform))) {
        result.push_back(uniform);
        result.back().name = name;
    }
    const auto epilogue = library_epilogue(context);
    const Tactic* like = stand_in(uniform, result);
    if (!epilogue || !like) return result;
    const auto others = cublaslt_tactics(target, context, *like, problem_of(context, *like), *epilogue);
    result.insert(result.end(), others.begin(), others.end());
    return result;
}

std::unique_ptr<Kernel> prepare_own(const Target& target, const RegionContext& context, const Tactic& tactic) {
    return make_product_kernel(target, context, tactic, problem_of(context, tactic),
                               read_epilogue(context, context.node(0).outputs[0], 1), bias_of(context));
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const auto name = vendor_name(tactic.name);
    if (!name) return prepare_own(target, context, tactic);
    if (const auto epilogue = library_epilogue(context))
        if (auto kernel = prepare_cublaslt(target, context, tactic, *name, problem_of(context, tactic), *epilogue))
            return kernel;
    return prepare_own(target, context, own_tactic(tactic, *name));
}

}  // namespace

std::optional<Refusal> gemm_refusal(const MatchContext& context, const ir::Node& node, std::int64_t piece) {
    const auto a = context.shape(node.inputs[0]), b = context.shape(node.inputs[1]);
    if (!a || !b) return refuse(Reason::shape_depends_on_data);
    if (b->size() != 2 || base::element_count(*b) == 0)
        return refuse(Reason::unsupported_shape, "no matrix on the right");
    if (a->size() < 2 || base::element_count(*a) == 0)
        return refuse(Reason::unsupported_shape, "no matrix on the left");
    if (a->back() % piece != 0)
        return refuse(Reason::unsupported_shape, "rows of a length that " + std::to_string(piece) + " does not divide");
    if (node.op != "Gemm") return std::nullopt;
    const bool adds = node.inputs.size() > 2;
    if (node.get<std::int64_t>("transA", 0) || node.get("alpha", 1.0f) != 1.0f ||
        (adds && node.get("beta", 1.0f) != 1.0f))
        return refuse(Reason::unsupported_attribute, "transA, or alpha and beta other than 1");
    if (!adds || node.inputs[2] == ir::kNone) return std::nullopt;
    const auto c = context.shape(node.inputs[2]);
    const std::int64_t outputs = (*b)[node.get<std::int64_t>("transB", 0) ? 0 : 1];
    if (!c || c->empty() || c->back() != outputs || base::element_count(*c) != outputs)
        return refuse(Reason::unsupported_shape, "the third input is no vector of one value per column");
    return std::nullopt;
}

MmaProblem gemm_problem(const RegionContext& context, const Tactic& tactic, const ir::Node& node, ir::ValueId source,
                        ir::ValueId weights) {
    MmaProblem p;
    const std::size_t input = context.input_index(source);
    const TensorDesc a = context.input_desc(input, tactic), output = context.output_desc(0, tactic);
    p.type = a.dtype;
    p.result = output.dtype;
    p.sources = {{input, a.shape.back(), 1, a.pitch, offset_of(context.input_offsets, input)}};
    p.outputs = output.shape.back();
    p.output_pitch = output.pitch;
    p.output_offset = offset_of(context.output_offsets, 0);
    p.batch = a.rows();
    p.weights = context.constant(weights);
    const bool transposed = node.op == "Gemm" && node.get<std::int64_t>("transB", 0);
    p.output_stride = transposed ? a.shape.back() : 1;
    p.channel_stride = transposed ? 1 : p.outputs;
    return p;
}

CudaFamily gemm_kernels() { return {"gemm", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
