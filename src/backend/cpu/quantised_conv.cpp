#include "backend/cpu/families.hpp"
#include "backend/cpu/quantised_onednn.hpp"
#include "fovea/error.hpp"
#include "ops/window.hpp"

/// Convolution of 8-bit tensors with i8 weights and sums of 32 bits.
namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

struct QuantisedConv {
    const ir::Node* node = nullptr;
    Dequantised source;
    QuantisedWeights weights;
    std::optional<Bias> bias;
    QuantisedChain chain;
    std::vector<ir::NodeId> nodes;
};

std::variant<QuantisedConv, Refusal> read(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                          ir::NodeId root, const AcceptStep& accept) {
    QuantisedConv conv;
    conv.node = &graph.node(root);
    const auto& inputs = conv.node->inputs;
    const auto source = dequantised(graph, values, links, inputs[0]);
    if (!source) return refuse(Reason::unsupported_dtype, "the input is not dequantised from 8 bits by one scale");
    const auto weights = quantised_weights(graph, values, links, inputs[1], 0);
    if (!weights)
        return refuse(Reason::unsupported_dtype, "the weights are not dequantised from constant i8 with zero point 0");
    conv.source = *source;
    conv.weights = *weights;
    conv.nodes = {source->node, weights->node};
    if (inputs.size() > 2 && inputs[2] != ir::kNone) {
        conv.bias = constant_bias(graph, values, links, inputs[2]);
        if (!conv.bias) return refuse(Reason::unsupported_shape, "bias computed at run time");
        if (conv.bias->node != ir::kNone) conv.nodes.push_back(conv.bias->node);
    }
    conv.nodes.push_back(root);
    conv.chain = quantised_chain(graph, values, links, conv.node->outputs[0], accept);
    conv.nodes.insert(conv.nodes.end(), conv.chain.nodes.begin(), conv.chain.nodes.end());
    return conv;
}

QuantisedConv read(const RegionContext& context) {
    for (const ir::NodeId id : context.region.nodes)
        if (context.graph.node(id).op == "Conv")
            return std::get<QuantisedConv>(read(context.graph, context.values, region_links(context), id,
                                                [](const EpilogueStep&, ir::ValueId) { return true; }));
    throw Error(ErrorCode::internal, "a region of a quantised convolution has no Conv");
}

/// Weights [K, C/g, taps…], with a group axis in front when there is more than one group.
memory::dims weight_dims(const Shape& w, std::int64_t group) {
    memory::dims dims(w.begin(), w.end());
    if (group > 1) {
        dims.insert(dims.begin(), group);
        dims[1] /= group;
    }
    return dims;
}

struct Primitive {
    dnnl::convolution_forward::primitive_desc desc;
    std::vector<Binding> bindings;
    memory::desc plain_weights;
};

Primitive primitive(const RegionContext& context, const Tactic& tactic, const QuantisedConv& conv) {
    const Tensor& weights = *context.constant(conv.weights.stored);
    const std::int64_t group = conv.node->get<std::int64_t>("group", 1);
    const TensorDesc source = context.input_desc(context.input_index(conv.source.stored), tactic),
                     target = context.output_desc(0, tactic);
    const auto window =
        ops::sliding_window(ops::NodeView(*conv.node), {weights.shape().begin() + 2, weights.shape().end()},
                            Shape(source.shape.begin() + 2, source.shape.end()));
    memory::dims dilations(window.dilations);
    for (auto& d : dilations) --d;
    auto attributes = quantised_attributes(
        context, conv.source.quantisation, conv.weights.scales, group > 1 ? 3 : 1, conv.chain, [&](ir::ValueId id) {
            TensorDesc desc = context.input_desc(context.input_index(id), tactic);
            desc.shape.insert(desc.shape.begin(), target.shape.size() - desc.shape.size(), 1);
            return to_dnnl(desc);
        });
    const memory::dims dims = weight_dims(weights.shape(), group);
    const Shape strides = base::row_major_strides(dims);
    memory::desc bias;
    if (conv.bias) {
        attributes.bindings.push_back(
            constant_vector(DNNL_ARG_BIAS, conv.bias->values, {static_cast<std::int64_t>(conv.bias->values.size())}));
        bias = attributes.bindings.back().desc;
    }
    dnnl::convolution_forward::primitive_desc desc(
        engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, to_dnnl(source),
        memory::desc(dims, memory::data_type::s8, memory::format_tag::any), bias, to_dnnl(target), window.strides,
        dilations, window.pads_begin, window.pads_end, attributes.attr);
    avoid_wrong_tiles(desc, weights.shape(), window.pads_begin, window.pads_end);
    return {std::move(desc), std::move(attributes.bindings),
            memory::desc(dims, memory::data_type::s8, memory::dims(strides.begin(), strides.end()))};
}

std::vector<Tactic> tactics(const RegionContext& context) {
    return {uniform_tactic(context, "onednn:int8", Layout::channels_last)};
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Conv" || !context.fuse) return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (x->size() < 3 || x->size() > 5 || base::element_count(*x) == 0)
        return refuse(Reason::unsupported_shape, "one to three spatial axes and no empty tensor");
    const auto found = read(context.graph, context.values, free_links(context), root,
                            [&](const EpilogueStep& step, ir::ValueId chain) {
                                return step.kind != EpilogueStep::Kind::affine && accepts_post_op(context, step, chain);
                            });
    if (const Refusal* refusal = std::get_if<Refusal>(&found)) return *refusal;
    Region region = make_region(context, "quantised_conv", std::get<QuantisedConv>(found).nodes);
    if (region.outputs.size() != 1) return refuse(Reason::unsupported_shape, "more than one result");
    try {
        const RegionContext at{context.graph, region, context.values};
        if (!is_fast(primitive(at, tactics(at)[0], read(at)).desc.impl_info_str()))
            return refuse(Reason::slower_than_alternative, "oneDNN has only its reference for this int8 convolution");
    } catch (const dnnl::error&) {
        return refuse(Reason::unsupported_attribute, "oneDNN has no such int8 convolution");
    }
    return region;
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const QuantisedConv conv = read(context);
    Primitive made = primitive(context, tactic, conv);
    auto bindings = std::move(made.bindings);
    bindings.push_back(
        {DNNL_ARG_SRC, Binding::Source::input, context.input_index(conv.source.stored), made.desc.src_desc(), nullptr});
    bindings.push_back({DNNL_ARG_DST, Binding::Source::output, 0, made.desc.dst_desc(), nullptr});
    const std::string name = context.graph.value(conv.weights.stored).name +
                             (conv.source.quantisation.type == DType::u8 ? "/u8" : "/i8") +
                             (conv.source.quantisation.zero ? "/shifted" : "");
    bindings.push_back(
        {DNNL_ARG_WEIGHTS, Binding::Source::constant, 0, made.desc.weights_desc(),
         pack(context, name, *context.constant(conv.weights.stored), made.plain_weights, made.desc.weights_desc())});
    return make_onednn_kernel(dnnl::convolution_forward(made.desc), made.desc.scratchpad_desc(),
                              made.desc.impl_info_str(), std::move(bindings));
}

}  // namespace

Family quantised_conv_family() { return {"quantised_conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
