#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "fovea/error.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

bool float_type(DType type) { return type == DType::f32 || type == DType::bf16; }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Conv") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!float_type(context.info(node.inputs[0]).dtype)) return refuse(Reason::unsupported_dtype, "convolution takes f32 or bf16");
    if (x->size() > 5) return refuse(Reason::unsupported_shape, "more than three spatial axes");
    if (!context.graph.constant(node.inputs[1])) return refuse(Reason::unsupported_shape, "weights computed at run time");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], 6, accepts_post_op);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "conv", std::move(nodes));
}

std::vector<Tactic> tactics(const RegionContext& context) {
    return {uniform_tactic(context, "onednn", Layout::channels_last)};
}

memory::dims to_dims(const std::vector<std::int64_t>& values) { return {values.begin(), values.end()}; }

/// Weights [K, C/g, taps…] as oneDNN names them, with a group axis in front when there is more than one group.
memory::dims weight_dims(const Shape& w, std::int64_t group) {
    memory::dims dims(w.begin(), w.end());
    if (group > 1) {
        dims.insert(dims.begin(), group);
        dims[1] /= group;
    }
    return dims;
}

memory::desc plain_desc(const memory::dims& dims, memory::data_type type) {
    const Shape strides = base::row_major_strides(dims);
    return memory::desc(dims, type, memory::dims(strides.begin(), strides.end()));
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const Tensor& weights = *context.constant(node.inputs[1]);
    const Shape x = context.shape(node.inputs[0]);
    const ops::NodeView view(node);
    const auto window = ops::sliding_window(view, {weights.shape().begin() + 2, weights.shape().end()}, Shape(x.begin() + 2, x.end()));
    memory::dims dilations = to_dims(window.dilations);
    for (auto& d : dilations) --d;
    const std::int64_t group = view.integer("group", 1);

    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    const memory::desc w_any(weight_dims(weights.shape(), group), to_dnnl(source.dtype), memory::format_tag::any);
    const Tensor* bias = node.inputs.size() > 2 ? context.constant(node.inputs[2]) : nullptr;
    const memory::desc b_desc = bias ? memory::desc({bias->size()}, memory::data_type::f32, memory::format_tag::a) : memory::desc();
    const Epilogue epilogue = read_epilogue(context, node.outputs[0], 1);
    const PostOps post = post_ops(context, tactic, epilogue);
    const dnnl::convolution_forward::primitive_desc desc(
        engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, to_dnnl(source), w_any, b_desc,
        to_dnnl(target), to_dims(window.strides), dilations, to_dims(window.pads_begin), to_dims(window.pads_end), post.attr);

    const std::string& name = context.graph.value(node.inputs[1]).name;
    std::vector<Binding> bindings = {
        {DNNL_ARG_SRC, Binding::Source::input, input, desc.src_desc(), nullptr},
        {DNNL_ARG_DST, Binding::Source::output, 0, desc.dst_desc(), nullptr},
        {DNNL_ARG_WEIGHTS, Binding::Source::constant, 0, desc.weights_desc(),
         pack(context, name, weights, plain_desc(weight_dims(weights.shape(), group), to_dnnl(weights.dtype())), desc.weights_desc())}};
    if (bias) {
        const Tensor f32 = bias->cast(DType::f32);
        bindings.push_back({DNNL_ARG_BIAS, Binding::Source::constant, 0, b_desc,
                            pack(context, context.graph.value(node.inputs[2]).name, f32, b_desc, b_desc)});
    }
    for (const auto& [argument, value] : post.operands) {
        const std::size_t operand = context.input_index(value);
        TensorDesc operand_desc = context.input_desc(operand, tactic);
        operand_desc.shape.insert(operand_desc.shape.begin(), target.shape.size() - operand_desc.shape.size(), 1);
        bindings.push_back({argument, Binding::Source::input, operand, to_dnnl(operand_desc), nullptr});
    }
    return make_onednn_kernel(dnnl::convolution_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(), std::move(bindings));
}

}  // namespace

Family conv_family() { return {"conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
