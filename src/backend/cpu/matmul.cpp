#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

/// Steps whose operand lines up with the last axis or is the whole tensor.
bool accepts(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    if (step.kind == EpilogueStep::Kind::affine || step.activation == Activation::reciprocal ||
        !accepts_cast(context, step, chain))
        return false;
    if (step.operand == ir::kNone) return true;
    if (!onednn_float(context.info(step.operand).dtype)) return false;
    const auto shape = context.shape(chain), operand = context.shape(step.operand);
    if (!operand || operand->size() > shape->size()) return false;
    if (*operand == *shape) return true;
    return !operand->empty() && base::element_count(*operand) == shape->back() && operand->back() == shape->back();
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "MatMul" && node.op != "Gemm") return refuse(Reason::unsupported_operator);
    const auto a = context.shape(node.inputs[0]), b = context.shape(node.inputs[1]);
    if (!a || !b) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!onednn_float(type) || context.info(node.inputs[1]).dtype != type)
        return refuse(Reason::unsupported_dtype, "matrix product takes f32, bf16 or, with AVX-512 FP16, f16");
    if (a->size() < 2 || b->size() < 2 || a->size() > 6)
        return refuse(Reason::unsupported_shape, "operands need 2 to 6 axes");
    if (base::element_count(*a) == 0 || base::element_count(*b) == 0)
        return refuse(Reason::unsupported_shape, "empty operand");
    if (node.op == "Gemm") {
        if (node.get("alpha", 1.0f) != 1.0f || (node.inputs.size() > 2 && node.get("beta", 1.0f) != 1.0f))
            return refuse(Reason::unsupported_attribute, "alpha and beta other than 1");
        if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone) {
            const auto c = context.shape(node.inputs[2]);
            if (!c || base::element_count(*c) != (node.get<std::int64_t>("transB", 0) ? (*b)[0] : (*b)[1]) ||
                c->empty() || base::element_count(*c) != c->back())
                return refuse(Reason::unsupported_shape, "the third input is no vector of one value per column");
        }
    }
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], 6, accepts);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "matmul", std::move(nodes));
}

std::vector<Tactic> tactics(const RegionContext& context) { return {uniform_tactic(context, "onednn", Layout::plain)}; }

/// Left and right operands as one product per batch; a constant right side takes all rows of the left at once.
struct Operands {
    memory::desc left, right, right_any, bias, result;
    Shape flat_result;
    bool flattened = false;
};

memory::desc matrix(const Shape& shape, DType type, bool transposed) {
    memory::dims dims(shape.begin(), shape.end());
    Shape strides = base::row_major_strides(shape);
    if (transposed) {
        std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
        std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);
    }
    return memory::desc(dims, to_dnnl(type), memory::dims(strides.begin(), strides.end()));
}

Shape with_rank(Shape shape, std::size_t rank) {
    shape.insert(shape.begin(), rank - shape.size(), 1);
    return shape;
}

Operands operands(const RegionContext& context, const ir::Node& node, DType out) {
    Shape a = context.shape(node.inputs[0]), b = context.shape(node.inputs[1]);
    const Shape y = context.shape(node.outputs[0]);
    const bool transpose_a = node.get<std::int64_t>("transA", 0) != 0,
               transpose_b = node.get<std::int64_t>("transB", 0) != 0;
    Operands result;
    result.flattened = b.size() == 2 && a.size() > 2;
    Shape flat = y;
    if (result.flattened) {
        const std::int64_t rows = base::element_count(a) / a.back();
        a = {rows, a.back()};
        flat = {rows, y.back()};
    }
    const std::size_t rank = std::max(a.size(), b.size());
    const DType type = context.dtype(node.inputs[0]);
    result.left = matrix(with_rank(a, rank), type, transpose_a);
    result.right = matrix(with_rank(b, rank), type, transpose_b);
    result.right_any = context.constant(node.inputs[1])
                           ? memory::desc(result.right.get_dims(), to_dnnl(type), memory::format_tag::any)
                           : result.right;
    result.result = matrix(flat, out, false);
    result.flat_result = flat;
    return result;
}

/// Shape of an add or mul operand beside the (flattened) result.
Shape operand_shape(const Shape& operand, const Operands& o) {
    if (operand.size() == 1 || base::element_count(operand) == operand.back()) {
        Shape shape(o.flat_result.size(), 1);
        shape.back() = operand.back();
        if (base::element_count(operand) == base::element_count(o.flat_result)) return o.flat_result;
        return shape;
    }
    return o.flattened ? o.flat_result : with_rank(operand, o.flat_result.size());
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic&) {
    const ir::Node& node = context.node(0);
    const Operands o = operands(context, node, context.dtype(context.region.outputs[0]));
    Epilogue epilogue = read_epilogue(context, node.outputs[0], 1);
    dnnl::post_ops list;
    PostOps post;
    std::vector<Binding> bindings;
    const auto add_binary = [&](dnnl::algorithm algorithm, ir::ValueId value) {
        const memory::desc desc = matrix(operand_shape(context.shape(value), o), context.dtype(value), false);
        const int argument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(list.len()) | DNNL_ARG_SRC_1;
        list.append_binary(algorithm, desc);
        bindings.push_back({argument, Binding::Source::input, context.input_index(value), desc, nullptr});
    };
    if (node.op == "Gemm" && node.inputs.size() > 2 && node.inputs[2] != ir::kNone)
        add_binary(dnnl::algorithm::binary_add, node.inputs[2]);
    for (const EpilogueStep& step : epilogue.steps) {
        if (step.kind == EpilogueStep::Kind::cast) continue;
        if (step.kind == EpilogueStep::Kind::activation)
            append_activation(list, step);
        else
            add_binary(step.kind == EpilogueStep::Kind::add ? dnnl::algorithm::binary_add : dnnl::algorithm::binary_mul,
                       step.operand);
    }
    dnnl::primitive_attr attr;
    attr.set_post_ops(list);
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc desc(engine(), o.left, o.right_any, o.result, attr);
    bindings.push_back({DNNL_ARG_SRC, Binding::Source::input, context.input_index(node.inputs[0]), o.left, nullptr});
    bindings.push_back({DNNL_ARG_DST, Binding::Source::output, 0, o.result, nullptr});
    if (const Tensor* weights = context.constant(node.inputs[1]))
        bindings.push_back(
            {DNNL_ARG_WEIGHTS, Binding::Source::constant, 0, desc.weights_desc(),
             pack(context, context.graph.value(node.inputs[1]).name, *weights, o.right, desc.weights_desc())});
    else
        bindings.push_back(
            {DNNL_ARG_WEIGHTS, Binding::Source::input, context.input_index(node.inputs[1]), o.right, nullptr});
    return make_onednn_kernel(dnnl::matmul(desc), desc.scratchpad_desc(), desc.impl_info_str(), std::move(bindings));
}

}  // namespace

Family matmul_family() { return {"matmul", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
