#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "base/checked.hpp"
#include "ops/window.hpp"

/// Transposed convolution by oneDNN, with the steps behind it as post-operations.
namespace fovea::backend::cpu {
namespace {

using dnnl::memory;
using Deconvolution = dnnl::deconvolution_forward;

std::int64_t group_of(const ir::Node& node) { return node.get<std::int64_t>("group", 1); }

/// Weights [C, K/g, taps…] as oneDNN names them: [g, K/g, C/g, taps…].
memory::dims weight_dims(const Shape& w, std::int64_t group) {
    memory::dims dims = {group, w[1], w[0] / group};
    dims.insert(dims.end(), w.begin() + 2, w.end());
    return dims;
}

memory::desc plain_weights(const Shape& w, std::int64_t group, DType type) {
    const Shape own = base::row_major_strides(w);
    memory::dims strides = {w[0] / group * own[0], own[1], own[0]};
    strides.insert(strides.end(), own.begin() + 2, own.end());
    return {weight_dims(w, group), to_dnnl(type), strides};
}

const Tensor* bias_of(const RegionContext& context) {
    const auto& inputs = context.node(0).inputs;
    return inputs.size() > 2 && inputs[2] != ir::kNone ? context.constant(inputs[2]) : nullptr;
}

memory::desc bias_desc(const Tensor* bias) {
    return bias ? memory::desc({bias->size()}, memory::data_type::f32, memory::format_tag::a) : memory::desc();
}

Deconvolution::primitive_desc primitive(const RegionContext& context, const Tactic& tactic,
                                        const dnnl::primitive_attr& attributes) {
    const ir::Node& node = context.node(0);
    const Shape& w = context.constant(node.inputs[1])->shape();
    const TensorDesc source = context.input_desc(context.input_index(node.inputs[0]), tactic),
                     target = context.output_desc(0, tactic);
    auto window = ops::sliding_window(ops::NodeView(node), {w.begin() + 2, w.end()},
                                      Shape(source.shape.begin() + 2, source.shape.end()));
    // What the output lacks of the input spread out, beyond the padding in front, is cut off at the end.
    for (std::size_t i = 0; i < window.strides.size(); ++i)
        window.pads_end[i] = (source.shape[i + 2] - 1) * window.strides[i] + window.extent(i) - window.pads_begin[i] -
                             target.shape[i + 2];
    memory::dims dilations(window.dilations);
    for (auto& d : dilations) --d;
    return {engine(),
            dnnl::prop_kind::forward_inference,
            dnnl::algorithm::deconvolution_direct,
            to_dnnl(source),
            memory::desc(weight_dims(w, group_of(node)), to_dnnl(source.dtype), memory::format_tag::any),
            bias_desc(bias_of(context)),
            to_dnnl(target),
            window.strides,
            dilations,
            window.pads_begin,
            window.pads_end,
            attributes};
}

std::vector<Tactic> tactics(const RegionContext& context) {
    return {uniform_tactic(context, "onednn", Layout::channels_last)};
}

Epilogue epilogue_of(const RegionContext& context) { return read_epilogue(context, context.node(0).outputs[0], 1); }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "ConvTranspose") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!onednn_float(type))
        return refuse(Reason::unsupported_dtype, "transposed convolution takes f32, bf16 or, with AVX-512 FP16, f16");
    if (x->size() > 5 || base::element_count(*x) == 0 || base::element_count(*y) == 0)
        return refuse(Reason::unsupported_shape, "more than three spatial axes, or an empty tensor");
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (node.inputs[i] != ir::kNone && !context.graph.constant(node.inputs[i]))
            return refuse(Reason::unsupported_shape, "weights or bias computed at run time");
    if (node.get<std::string>("auto_pad", "NOTSET") != "NOTSET" || node.attributes.contains("output_shape"))
        return refuse(Reason::unsupported_attribute, "padding that follows from the size of the output");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], 6, accepts_post_op);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    Region region = make_region(context, "transposed_conv", std::move(nodes));
    const RegionContext at{context.graph, region, context.values};
    try {
        const Tactic tactic = tactics(at)[0];
        primitive(at, tactic, post_ops(at, tactic, epilogue_of(at)).attr);
    } catch (const dnnl::error&) {
        return refuse(Reason::unsupported_attribute, "oneDNN has no such transposed convolution");
    }
    return region;
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const Tensor& weights = *context.constant(node.inputs[1]);
    const PostOps post = post_ops(context, tactic, epilogue_of(context));
    const auto desc = primitive(context, tactic, post.attr);
    std::vector<Binding> bindings = {
        {DNNL_ARG_SRC, Binding::Source::input, context.input_index(node.inputs[0]), desc.src_desc(), nullptr},
        {DNNL_ARG_DST, Binding::Source::output, 0, desc.dst_desc(), nullptr},
        {DNNL_ARG_WEIGHTS, Binding::Source::constant, 0, desc.weights_desc(),
         pack(context, context.graph.value(node.inputs[1]).name, weights,
              plain_weights(weights.shape(), group_of(node), weights.dtype()), desc.weights_desc())}};
    if (const Tensor* bias = bias_of(context))
        bindings.push_back({DNNL_ARG_BIAS, Binding::Source::constant, 0, bias_desc(bias),
                            pack(context, context.graph.value(node.inputs[2]).name, bias->cast(DType::f32),
                                 bias_desc(bias), bias_desc(bias))});
    bindings.insert(bindings.end(), post.constants.begin(), post.constants.end());
    for (const auto& [argument, value] : post.operands) {
        const std::size_t operand = context.input_index(value);
        TensorDesc operand_desc = context.input_desc(operand, tactic);
        operand_desc.shape.insert(operand_desc.shape.begin(),
                                  context.shape(node.outputs[0]).size() - operand_desc.shape.size(), 1);
        bindings.push_back({argument, Binding::Source::input, operand, to_dnnl(operand_desc), nullptr});
    }
    return make_onednn_kernel(Deconvolution(desc), desc.scratchpad_desc(), desc.impl_info_str(), std::move(bindings));
}

}  // namespace

Family transposed_conv_family() { return {"transposed_conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
