#include "backend/cuda/conv.hpp"
#include "backend/cuda/mma_conv.hpp"
#include "backend/quantised.hpp"
#include "fovea/error.hpp"

/// Convolution between DequantizeLinear and QuantizeLinear on 8-bit numbers: whole ones, whose sums are exact, and
/// e4m3.
namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostTiles = 8;

struct QuantisedConv {
    ir::NodeId node = ir::kNone;
    Dequantised source;
    QuantisedWeights weights;
    std::optional<Bias> bias;
    QuantisedChain chain;

    /// Producers before consumers.
    [[nodiscard]] std::vector<ir::NodeId> nodes() const {
        std::vector<ir::NodeId> result = {source.node, weights.node};
        if (bias && bias->node != ir::kNone) result.push_back(bias->node);
        result.push_back(node);
        result.insert(result.end(), chain.nodes.begin(), chain.nodes.end());
        return result;
    }
};

Links with_types(Links links, bool floats) {
    if (!floats) return links;
    links.stored = {DType::f8e4m3fn};
    links.weights = DType::f8e4m3fn;
    return links;
}

/// Nothing where the convolution's operands are not quantised as the kernel takes them.
std::optional<QuantisedConv> read(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                  ir::NodeId root, const AcceptStep& accept) {
    const auto& inputs = graph.node(root).inputs;
    const auto source = dequantised(graph, values, links, inputs[0]);
    const auto weights = quantised_weights(graph, values, links, inputs[1], 0);
    if (!source || !weights || source->quantisation.zero != 0) return std::nullopt;  // borders are filled with zeros
    if (!graph.constant(weights->stored)) return std::nullopt;
    QuantisedConv conv{root, *source, *weights, std::nullopt, {}};
    if (inputs.size() > 2 && inputs[2] != ir::kNone) {
        conv.bias = constant_bias(graph, values, links, inputs[2]);
        if (!conv.bias) return std::nullopt;
    }
    conv.chain = quantised_chain(graph, values, links, graph.node(root).outputs[0], accept);
    return conv;
}

QuantisedConv read(const RegionContext& context, bool floats) {
    for (const ir::NodeId id : context.region.nodes)
        if (context.graph.node(id).op == "Conv")
            return read(context.graph, context.values, with_types(region_links(context), floats), id,
                        [](const EpilogueStep&, ir::ValueId) { return true; })
                .value();
    throw Error(ErrorCode::internal, "a region of a quantised convolution has no Conv");
}

template <bool kFloats>
std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Conv" || !context.fuse) return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (x->size() != 4 || base::element_count(*x) == 0 || (*x)[1] % 4 != 0 || node.get<std::int64_t>("group", 1) != 1)
        return refuse(Reason::unsupported_shape, "one group, two spatial axes and a multiple of four channels");
    const auto found = read(context.graph, context.values, with_types(free_links(context), kFloats), root,
                            [&](const EpilogueStep& step, ir::ValueId chain) {
                                return step.kind != EpilogueStep::Kind::affine && accepts_step(context, step, chain) &&
                                       (step.operand == ir::kNone || context.graph.constant(step.operand));
                            });
    if (!found) return refuse(Reason::unsupported_dtype, "operands are not 8-bit numbers with zero points 0");
    Region region = make_region(context, kFloats ? "quantised_f8_conv" : "quantised_conv", found->nodes());
    if (region.outputs.size() != 1) return refuse(Reason::unsupported_shape, "more than one result");
    return region;
}

ConvRegion conv_region(const RegionContext& context, const QuantisedConv& conv) {
    ConvRegion region;
    region.conv = &context.graph.node(conv.node);
    region.prologue.sources = {{conv.source.stored, 1}};
    region.prologue.pads_begin = region.prologue.pads_end = {0, 0};
    region.input = context.shape(conv.source.stored);
    const Shape& w = context.constant(conv.weights.stored)->shape();
    region.window = ops::sliding_window(ops::NodeView(*region.conv), {w.begin() + 2, w.end()},
                                        Shape(region.input.begin() + 2, region.input.end()));
    return region;
}

MmaProblem problem_of(const RegionContext& context, const Tactic& tactic, const QuantisedConv& conv) {
    MmaProblem problem = conv_problem(context, tactic, conv_region(context, conv));
    problem.type = conv.source.quantisation.type;
    problem.weights = context.constant(conv.weights.stored);
    return problem;
}

EpilogueStep affine(const std::vector<float>& scale, const std::vector<float>& shift) {
    EpilogueStep step;
    step.kind = EpilogueStep::Kind::affine;
    const Shape shape = {static_cast<std::int64_t>(scale.size())};
    step.scale = Tensor::from<float>(shape, scale);
    step.shift = Tensor::from<float>(shape, shift);
    return step;
}

/// Sums to real numbers and bias, then the steps, then real numbers to the result's.
Epilogue epilogue_of(const RegionContext& context, const QuantisedConv& conv, std::int64_t outputs) {
    std::vector<float> scale, shift;
    const auto& scales = conv.weights.scales;
    for (std::size_t n = 0; n < static_cast<std::size_t>(outputs); ++n) {
        scale.push_back(conv.source.quantisation.scale * scales[scales.size() == 1 ? 0 : n]);
        shift.push_back(conv.bias ? conv.bias->values[conv.bias->values.size() == 1 ? 0 : n] : 0);
    }
    Epilogue epilogue;
    epilogue.result = context.region.outputs[0];
    epilogue.steps.push_back(affine(scale, shift));
    for (const QuantisedStep& step : conv.chain.steps) epilogue.steps.push_back(step.step);
    if (const auto& target = conv.chain.target) {
        const auto count = static_cast<std::size_t>(outputs);
        epilogue.steps.push_back(
            affine(std::vector(count, 1 / target->scale), std::vector(count, static_cast<float>(target->zero))));
    }
    return epilogue;
}

template <bool kFloats>
std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    Tactic uniform = uniform_tactic(context, "", Layout::channels_last);
    uniform.reads_slices = uniform.writes_slices = true;
    std::vector<Tactic> result;
    for (const MmaTile& tile : mma_tiles(target, problem_of(context, uniform, read(context, kFloats)), kMostTiles)) {
        result.push_back(uniform);
        result.back().name = "mma:" + tile.name();
    }
    return result;
}

template <bool kFloats>
std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const QuantisedConv conv = read(context, kFloats);
    const MmaProblem problem = problem_of(context, tactic, conv);
    return make_mma_kernel(target, context, tactic, problem, epilogue_of(context, conv, problem.outputs), {},
                           mma_tile(std::string_view(tactic.name).substr(4)));
}

}  // namespace

CudaFamily quantised_conv_kernels() { return {"quantised_conv", match<false>, tactics<false>, prepare<false>}; }
CudaFamily quantised_f8_conv_kernels() { return {"quantised_f8_conv", match<true>, tactics<true>, prepare<true>, 89}; }

}  // namespace fovea::backend::cuda
