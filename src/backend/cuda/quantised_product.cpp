#include "backend/cuda/conv.hpp"
#include "backend/cuda/gemm.hpp"
#include "backend/quantised.hpp"
#include "fovea/error.hpp"

/// Convolutions and matrix products between DequantizeLinear and QuantizeLinear on 8-bit numbers: whole ones, whose
/// sums are exact, and e4m3.
namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostTiles = 8;
constexpr std::int64_t kPiece = 4;            ///< channels that one copy takes at least
constexpr std::int64_t kMostDepth = 1 << 16;  ///< whose sums of whole numbers 32 bits hold

bool is_conv(const ir::Node& node) { return node.op == "Conv"; }
bool is_gemm(const ir::Node& node) { return node.op == "MatMul" || node.op == "Gemm"; }

struct QuantisedProduct {
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

/// The axis of the weights along which a product's outputs lie.
std::int64_t output_axis(const ir::Node& node) { return is_conv(node) || node.get<std::int64_t>("transB", 0) ? 0 : 1; }

/// Nothing where the product's operands are not quantised as the kernel takes them.
std::optional<QuantisedProduct> read(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                     ir::NodeId root, const AcceptStep& accept) {
    const ir::Node& node = graph.node(root);
    const auto& inputs = node.inputs;
    const auto source = dequantised(graph, values, links, inputs[0]);
    const auto weights = quantised_weights(graph, values, links, inputs[1], output_axis(node));
    if (!source || !weights || !graph.constant(weights->stored)) return std::nullopt;
    const bool shifts = is_gemm(node) && links.weights == DType::i8;  // borders of convolutions are filled with zeros
    if (source->quantisation.zero != 0 && !shifts) return std::nullopt;
    QuantisedProduct product{root, *source, *weights, std::nullopt, {}};
    if (inputs.size() > 2 && inputs[2] != ir::kNone) {
        product.bias = constant_bias(graph, values, links, inputs[2]);
        if (!product.bias) return std::nullopt;
    }
    product.chain = quantised_chain(graph, values, links, node.outputs[0], accept);
    return product;
}

QuantisedProduct read(const RegionContext& context, bool floats) {
    for (const ir::NodeId id : context.region.nodes)
        if (const ir::Node& node = context.graph.node(id); is_conv(node) || is_gemm(node))
            return read(context.graph, context.values, with_types(region_links(context), floats), id,
                        [](const EpilogueStep&, ir::ValueId) { return true; })
                .value();
    throw Error(ErrorCode::internal, "a region of a quantised product has none");
}

std::optional<Refusal> conv_refusal(const MatchContext& context, const ir::Node& node) {
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (x->size() != 4 || base::element_count(*x) == 0 || (*x)[1] % kPiece != 0 ||
        node.get<std::int64_t>("group", 1) != 1)
        return refuse(Reason::unsupported_shape, "one group, two spatial axes and a multiple of four channels");
    return std::nullopt;
}

std::int64_t depth(const ir::Node& node, const Shape& weights) {
    return base::element_count(weights) / weights[static_cast<std::size_t>(output_axis(node))];
}

template <bool kGemm, bool kFloats>
std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!context.fuse || !(kGemm ? is_gemm(node) : is_conv(node))) return refuse(Reason::unsupported_operator);
    if (const auto reason = kGemm ? gemm_refusal(context, node, kPiece) : conv_refusal(context, node)) return *reason;
    const auto found = read(context.graph, context.values, with_types(free_links(context), kFloats), root,
                            [&](const EpilogueStep& step, ir::ValueId chain) {
                                return step.kind != EpilogueStep::Kind::affine &&
                                       (kGemm ? accepts_row_step : accepts_step)(context, step, chain) &&
                                       (step.operand == ir::kNone || context.graph.constant(step.operand));
                            });
    if (!found)
        return refuse(Reason::unsupported_dtype,
                      "operands are not 8-bit numbers, the weights' constant with zero points 0");
    if (!kFloats && depth(node, *context.shape(found->weights.stored)) > kMostDepth)
        return refuse(Reason::unsupported_shape, "sums that 32 bits may not hold");
    constexpr const char* kPatterns[2][2] = {{"quantised_conv", "quantised_f8_conv"},
                                             {"quantised_gemm", "quantised_f8_gemm"}};
    Region region = make_region(context, kPatterns[kGemm][kFloats], found->nodes());
    if (region.outputs.size() != 1) return refuse(Reason::unsupported_shape, "more than one result");
    return region;
}

ConvRegion conv_region(const RegionContext& context, const QuantisedProduct& product) {
    ConvRegion region;
    region.conv = &context.graph.node(product.node);
    region.prologue.sources = {{product.source.stored, 1}};
    region.prologue.pads_begin = region.prologue.pads_end = {0, 0};
    region.input = context.shape(product.source.stored);
    const Shape& w = context.constant(product.weights.stored)->shape();
    region.window = ops::sliding_window(ops::NodeView(*region.conv), {w.begin() + 2, w.end()},
                                        Shape(region.input.begin() + 2, region.input.end()));
    return region;
}

MmaProblem problem_of(const RegionContext& context, const Tactic& tactic, const QuantisedProduct& product) {
    const ir::Node& node = context.graph.node(product.node);
    if (is_gemm(node)) return gemm_problem(context, tactic, node, product.source.stored, product.weights.stored);
    MmaProblem problem = conv_problem(context, tactic, conv_region(context, product));
    problem.type = product.source.quantisation.type;
    problem.weights = context.constant(product.weights.stored);
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

/// The source's zero point times the sum of an output's weights, which the product of stored numbers is too large by.
double excess(const MmaProblem& problem, const Quantisation& source, std::int64_t output) {
    if (source.zero == 0) return 0;
    const auto* weights = problem.weights->as<std::int8_t>().data() + output * problem.output_stride;
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < problem.channels(); ++k) sum += weights[k * problem.channel_stride];
    return static_cast<double>(source.zero) * static_cast<double>(sum);
}

/// Sums to real numbers and bias, then the steps, then real numbers to the result's.
Epilogue epilogue_of(const RegionContext& context, const QuantisedProduct& product, const MmaProblem& problem) {
    std::vector<float> scale, shift;
    const auto& scales = product.weights.scales;
    const Quantisation& source = product.source.quantisation;
    for (std::size_t n = 0; n < static_cast<std::size_t>(problem.outputs); ++n) {
        scale.push_back(source.scale * scales[scales.size() == 1 ? 0 : n]);
        const double bias = product.bias ? product.bias->values[product.bias->values.size() == 1 ? 0 : n] : 0;
        shift.push_back(static_cast<float>(bias - static_cast<double>(scale[n]) *
                                                      excess(problem, source, static_cast<std::int64_t>(n))));
    }
    Epilogue epilogue;
    epilogue.result = context.region.outputs[0];
    epilogue.steps.push_back(affine(scale, shift));
    for (const QuantisedStep& step : product.chain.steps) epilogue.steps.push_back(step.step);
    if (const auto& target = product.chain.target) {
        const auto count = static_cast<std::size_t>(problem.outputs);
        epilogue.steps.push_back(
            affine(std::vector(count, 1 / target->scale), std::vector(count, static_cast<float>(target->zero))));
    }
    return epilogue;
}

template <bool kGemm, bool kFloats>
std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    Tactic uniform = uniform_tactic(context, "", kGemm ? Layout::plain : Layout::channels_last);
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
    const QuantisedProduct product = read(context, kFloats);
    const MmaProblem problem = problem_of(context, tactic, product);
    return make_mma_kernel(target, context, tactic, problem, epilogue_of(context, product, problem), {},
                           mma_tile(std::string_view(tactic.name).substr(4)));
}

}  // namespace

CudaFamily quantised_conv_kernels() {
    return {"quantised_conv", match<false, false>, tactics<false, false>, prepare<false>};
}
CudaFamily quantised_f8_conv_kernels() {
    return {"quantised_f8_conv", match<false, true>, tactics<false, true>, prepare<true>, 89};
}
CudaFamily quantised_gemm_kernels() {
    return {"quantised_gemm", match<true, false>, tactics<true, false>, prepare<false>};
}
CudaFamily quantised_f8_gemm_kernels() {
    return {"quantised_f8_gemm", match<true, true>, tactics<true, true>, prepare<true>, 89};
}

}  // namespace fovea::backend::cuda
