#include "backend/cpu/families.hpp"
#include "backend/cpu/quantised_onednn.hpp"
#include "fovea/error.hpp"

/// Products of an 8-bit tensor with a constant i8 matrix: MatMul and Gemm, all rows of the left side at once.
namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

struct QuantisedMatmul {
    const ir::Node* node = nullptr;
    Dequantised source;
    QuantisedWeights weights;
    std::optional<Bias> bias;
    QuantisedChain chain;
    std::vector<ir::NodeId> nodes;
    bool transposed = false;  ///< weights are [columns, depth]
};

std::variant<QuantisedMatmul, Refusal> read(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                            ir::NodeId root, const AcceptStep& accept) {
    QuantisedMatmul product;
    product.node = &graph.node(root);
    const ir::Node& node = *product.node;
    product.transposed = node.get<std::int64_t>("transB", 0) != 0;
    const auto source = dequantised(graph, values, links, node.inputs[0]);
    if (!source)
        return refuse(Reason::unsupported_dtype, "the left operand is not dequantised from 8 bits by one scale");
    const auto weights = quantised_weights(graph, values, links, node.inputs[1], product.transposed ? 0 : 1);
    if (!weights)
        return refuse(Reason::unsupported_dtype,
                      "the right operand is not dequantised from constant i8 with zero point 0");
    product.source = *source;
    product.weights = *weights;
    product.nodes = {source->node, weights->node};
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone) {
        product.bias = constant_bias(graph, values, links, node.inputs[2]);
        if (!product.bias) return refuse(Reason::unsupported_shape, "bias computed at run time");
        if (product.bias->node != ir::kNone) product.nodes.push_back(product.bias->node);
    }
    product.nodes.push_back(root);
    product.chain = quantised_chain(graph, values, links, node.outputs[0], accept);
    product.nodes.insert(product.nodes.end(), product.chain.nodes.begin(), product.chain.nodes.end());
    return product;
}

QuantisedMatmul read(const RegionContext& context) {
    for (const ir::NodeId id : context.region.nodes)
        if (const std::string& op = context.graph.node(id).op; op == "MatMul" || op == "Gemm")
            return std::get<QuantisedMatmul>(read(context.graph, context.values, region_links(context), id,
                                                  [](const EpilogueStep&, ir::ValueId) { return true; }));
    throw Error(ErrorCode::internal, "a region of a quantised matrix product has no MatMul");
}

memory::desc plain_desc(const memory::dims& dims, DType type) {
    const Shape strides = base::row_major_strides(dims);
    return memory::desc(dims, to_dnnl(type), memory::dims(strides.begin(), strides.end()));
}

struct Primitive {
    dnnl::matmul::primitive_desc desc;
    std::vector<Binding> bindings;
    memory::desc plain_weights;
};

Primitive primitive(const RegionContext& context, const QuantisedMatmul& product) {
    const Shape& w = context.constant(product.weights.stored)->shape();
    const std::int64_t depth = w[product.transposed ? 1 : 0], columns = w[product.transposed ? 0 : 1];
    const std::int64_t rows = base::element_count(context.shape(product.node->outputs[0])) / columns;
    auto attributes = quantised_attributes(
        context, product.source.quantisation, product.weights.scales, 2, product.chain, [&](ir::ValueId id) {
            const std::int64_t count = base::element_count(context.shape(id));
            return plain_desc({count == columns && rows != 1 ? 1 : count / columns, columns}, context.dtype(id));
        });
    memory::desc bias;
    if (product.bias) {
        attributes.bindings.push_back(constant_vector(DNNL_ARG_BIAS, product.bias->values, {1, columns}));
        bias = attributes.bindings.back().desc;
    }
    const auto source = plain_desc({rows, depth}, product.source.quantisation.type),
               target = plain_desc({rows, columns}, context.dtype(context.region.outputs[0]));
    const memory::desc any({depth, columns}, memory::data_type::s8, memory::format_tag::any);
    const memory::desc plain({depth, columns}, memory::data_type::s8,
                             product.transposed ? memory::dims{1, depth} : memory::dims{columns, 1});
    return {{engine(), source, any, bias, target, attributes.attr}, std::move(attributes.bindings), plain};
}

std::vector<Tactic> tactics(const RegionContext& context) {
    return {uniform_tactic(context, "onednn:int8", Layout::plain)};
}

/// Steps whose operand is a vector along the columns or a whole tensor.
bool accepts(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    if (step.kind == EpilogueStep::Kind::activation) return true;
    if (step.kind == EpilogueStep::Kind::affine || context.info(step.operand).dtype != DType::f32) return false;
    const auto shape = context.shape(chain), operand = context.shape(step.operand);
    if (!operand || operand->empty() || operand->size() > shape->size()) return false;
    return *operand == *shape || (base::element_count(*operand) == shape->back() && operand->back() == shape->back());
}

std::optional<Refusal> unsuitable(const MatchContext& context, const ir::Node& node) {
    const auto a = context.shape(node.inputs[0]), b = context.shape(node.inputs[1]);
    if (!a || !b) return refuse(Reason::shape_depends_on_data);
    if (a->size() < 2 || b->size() != 2 || base::element_count(*a) == 0 || base::element_count(*b) == 0)
        return refuse(Reason::unsupported_shape, "the right operand is no matrix, or an operand is a vector or empty");
    if (node.op == "MatMul") return std::nullopt;
    if (node.get<std::int64_t>("transA", 0) || node.get("alpha", 1.0f) != 1.0f ||
        (node.inputs.size() > 2 && node.get("beta", 1.0f) != 1.0f))
        return refuse(Reason::unsupported_attribute, "a transposed left operand, or alpha and beta other than 1");
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone) {
        const auto c = context.shape(node.inputs[2]);
        if (!c || c->size() != 1 || (*c)[0] != (node.get<std::int64_t>("transB", 0) ? (*b)[0] : (*b)[1]))
            return refuse(Reason::unsupported_shape, "the third input is no vector of one value per column");
    }
    return std::nullopt;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if ((node.op != "MatMul" && node.op != "Gemm") || !context.fuse) return refuse(Reason::unsupported_operator);
    if (const auto refusal = unsuitable(context, node)) return *refusal;
    const auto found = read(context.graph, context.values, free_links(context), root,
                            [&](const EpilogueStep& step, ir::ValueId chain) { return accepts(context, step, chain); });
    if (const Refusal* refusal = std::get_if<Refusal>(&found)) return *refusal;
    Region region = make_region(context, "quantised_matmul", std::get<QuantisedMatmul>(found).nodes);
    if (region.outputs.size() != 1) return refuse(Reason::unsupported_shape, "more than one result");
    try {
        const RegionContext at{context.graph, region, context.values};
        if (!is_fast(primitive(at, read(at)).desc.impl_info_str()))
            return refuse(Reason::slower_than_alternative, "oneDNN has only its reference for this int8 product");
    } catch (const dnnl::error&) {
        return refuse(Reason::unsupported_attribute, "oneDNN has no such int8 product");
    }
    return region;
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic&) {
    const QuantisedMatmul product = read(context);
    Primitive made = primitive(context, product);
    auto bindings = std::move(made.bindings);
    bindings.push_back({DNNL_ARG_SRC, Binding::Source::input, context.input_index(product.source.stored),
                        made.desc.src_desc(), nullptr});
    bindings.push_back({DNNL_ARG_DST, Binding::Source::output, 0, made.desc.dst_desc(), nullptr});
    const std::string name = context.graph.value(product.weights.stored).name +
                             (product.source.quantisation.type == DType::u8 ? "/u8" : "/i8") +
                             (product.source.quantisation.zero ? "/shifted" : "");
    bindings.push_back(
        {DNNL_ARG_WEIGHTS, Binding::Source::constant, 0, made.desc.weights_desc(),
         pack(context, name, *context.constant(product.weights.stored), made.plain_weights, made.desc.weights_desc())});
    return make_onednn_kernel(dnnl::matmul(made.desc), made.desc.scratchpad_desc(), made.desc.impl_info_str(),
                              std::move(bindings));
}

}  // namespace

Family quantised_matmul_family() { return {"quantised_matmul", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
