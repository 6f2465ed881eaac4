#include <algorithm>
#include <array>
#include <optional>

#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::algorithm;
using dnnl::memory;

struct Unary {
    std::string_view op;
    algorithm kind;
    float alpha, beta;
};
constexpr std::array kUnary = {
    Unary{"Sqrt", algorithm::eltwise_sqrt, 0, 0}, Unary{"Abs", algorithm::eltwise_abs, 0, 0},     Unary{"Exp", algorithm::eltwise_exp, 0, 0},
    Unary{"Log", algorithm::eltwise_log, 0, 0},   Unary{"Neg", algorithm::eltwise_linear, -1, 0}, Unary{"Reciprocal", algorithm::eltwise_pow, 1, -1},
};

std::optional<algorithm> binary_of(std::string_view op) {
    if (op == "Add") return algorithm::binary_add;
    if (op == "Sub") return algorithm::binary_sub;
    if (op == "Mul") return algorithm::binary_mul;
    if (op == "Div") return algorithm::binary_div;
    if (op == "Max") return algorithm::binary_max;
    if (op == "Min") return algorithm::binary_min;
    return std::nullopt;
}

bool float_type(DType type) { return type == DType::f32 || type == DType::bf16; }

const Unary* unary_of(std::string_view op) {
    const auto it = std::find_if(kUnary.begin(), kUnary.end(), [op](const Unary& u) { return u.op == op; });
    return it == kUnary.end() ? nullptr : &*it;
}

/// The input of a binary node that has the shape of the result, so that oneDNN broadcasts the other one.
std::optional<std::size_t> full_input(const ops::ValueTable& values, const ir::Node& node) {
    const auto shape = [&](ir::ValueId id) { return ir::known_shape(values[static_cast<std::size_t>(id)].dims); };
    if (node.inputs.size() != 2 || node.inputs[0] == node.inputs[1]) return std::nullopt;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        if (values[static_cast<std::size_t>(node.inputs[i])].constant || shape(node.inputs[i]) != shape(node.outputs[0])) continue;
        if (i == 1 && node.op != "Add" && node.op != "Mul" && node.op != "Max" && node.op != "Min") return std::nullopt;
        return i;
    }
    return std::nullopt;
}

/// oneDNN's element-wise primitives keep the type.
bool accepts(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    return step.kind != EpilogueStep::Kind::cast && accepts_post_op(context, step, chain);
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.outputs.size() != 1 || node.inputs.empty() || node.inputs[0] == ir::kNone) return refuse(Reason::unsupported_operator);
    const bool binary = binary_of(node.op).has_value();
    const auto step = as_step(context.graph, context.values, node, node.inputs[0]);
    const bool unary = unary_of(node.op) || (step && (step->kind == EpilogueStep::Kind::activation || step->kind == EpilogueStep::Kind::affine));
    if (!binary && !unary) return refuse(Reason::unsupported_operator);
    for (const ir::ValueId input : node.inputs)
        if (input != ir::kNone && !context.shape(input)) return refuse(Reason::shape_depends_on_data);
    const auto shape = context.shape(node.outputs[0]);
    if (!shape) return refuse(Reason::shape_depends_on_data);
    if (!float_type(context.info(node.outputs[0]).dtype)) return refuse(Reason::unsupported_dtype, "oneDNN computes f32 and bf16");
    if (shape->empty() || shape->size() > 5 || base::element_count(*shape) == 0) return refuse(Reason::unsupported_shape, "a scalar, an empty tensor or more than 5 axes");
    if (binary && !full_input(context.values, node)) return refuse(Reason::unsupported_shape, "both operands are broadcast");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], 8, accepts);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "pointwise", std::move(nodes));
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "onednn:plain", Layout::plain)};
    const std::size_t rank = context.shape(context.region.outputs[0]).size();
    for (const ir::ValueId id : context.region.inputs)  // a shorter operand lines up with the last axes: order matters
        if (!context.constant(id) && context.shape(id).size() != rank) return result;
    if (rank >= 3) result.push_back(uniform_tactic(context, "onednn:channels_last", Layout::channels_last));
    return result;
}

memory::desc ranked(TensorDesc desc, std::size_t rank) {
    desc.shape.insert(desc.shape.begin(), rank - desc.shape.size(), 1);
    return to_dnnl(desc);
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const memory::desc target = to_dnnl(context.output_desc(0, tactic));
    const std::size_t rank = context.shape(context.region.outputs[0]).size();
    const auto step = as_step(context.graph, context.values, node, node.inputs[0]);
    const bool copies = step && step->kind == EpilogueStep::Kind::affine;  // all of it happens behind a copy
    const PostOps post = post_ops(context, tactic, copies ? read_epilogue(context, node.inputs[0], 0) : read_epilogue(context, node.outputs[0], 1));
    std::vector<Binding> bindings = post.constants;
    bindings.push_back({DNNL_ARG_DST, Binding::Source::output, 0, target, nullptr});
    const auto bind = [&](int argument, ir::ValueId id) {
        const std::size_t i = context.input_index(id);
        const memory::desc desc = ranked(context.input_desc(i, tactic), rank);
        bindings.push_back({argument, Binding::Source::input, i, desc, nullptr});
        return desc;
    };
    for (const auto& [argument, value] : post.operands) bind(argument, value);
    if (const auto kind = binary_of(node.op)) {
        const std::size_t first = *full_input(context.values, node);
        const memory::desc a = bind(DNNL_ARG_SRC_0, node.inputs[first]), b = bind(DNNL_ARG_SRC_1, node.inputs[1 - first]);
        const dnnl::binary::primitive_desc desc(engine(), *kind, a, b, target, post.attr);
        return make_onednn_kernel(dnnl::binary(desc), desc.scratchpad_desc(), desc.impl_info_str(), std::move(bindings));
    }
    const memory::desc source = bind(DNNL_ARG_SRC, node.inputs[0]);
    const Unary* unary = unary_of(node.op);
    const Eltwise e = copies ? Eltwise{algorithm::eltwise_linear, 1, 0} : unary ? Eltwise{unary->kind, unary->alpha, unary->beta} : eltwise(*step);
    const dnnl::eltwise_forward::primitive_desc desc(engine(), dnnl::prop_kind::forward_inference, e.kind, source, target, e.alpha, e.beta, post.attr);
    return make_onednn_kernel(dnnl::eltwise_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(), std::move(bindings));
}

}  // namespace

Family pointwise_family() { return {"pointwise", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
