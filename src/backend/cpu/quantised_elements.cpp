#include <algorithm>
#include <array>
#include <cmath>

#include "backend/cpu/families.hpp"
#include "backend/cpu/simd/quantise.hpp"
#include "backend/quantised.hpp"
#include "base/parallel.hpp"
#include "ops/evaluate.hpp"

/// Element-wise regions on 8-bit tensors: tables of 256 results, sums of two tensors, and single conversions.
namespace fovea::backend::cpu {
namespace {

constexpr std::int64_t kGrain = 16384;

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "own:plain", Layout::plain)};
    if (has_channels(context, context.region.outputs[0]))
        result.push_back(uniform_tactic(context, "own:channels_last", Layout::channels_last));
    return result;
}

std::size_t elements(const RegionContext& context) {
    return static_cast<std::size_t>(base::element_count(context.shape(context.region.outputs[0])));
}

/// Calls `Body(inputs, output, begin, count)` over contiguous parts of all elements.
template <class Body>
class ElementKernel final : public Kernel {
  public:
    ElementKernel(std::size_t count, std::string implementation, Body body)
        : count_(static_cast<std::int64_t>(count)),
          implementation_(std::move(implementation)),
          body_(std::move(body)) {}
    void run(const KernelArgs& args) const override {
        base::parallel_for((count_ + kGrain - 1) / kGrain, 1, [&](std::int64_t begin, std::int64_t end) {
            const std::int64_t from = begin * kGrain, to = std::min(end * kGrain, count_);
            body_(args, static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
        });
    }
    [[nodiscard]] std::string implementation() const override { return implementation_; }

  private:
    std::int64_t count_;
    std::string implementation_;
    Body body_;
};

template <class Body>
std::unique_ptr<Kernel> element_kernel(const RegionContext& context, std::string implementation, Body body) {
    return std::make_unique<ElementKernel<Body>>(elements(context), std::move(implementation), std::move(body));
}

// ---- tables

/// Whether every output element of `node` depends on the same element of `chain` alone.
bool element_wise(const ir::Graph& graph, const ops::ValueTable& values, const ir::Node& node, ir::ValueId chain) {
    constexpr std::array<std::string_view, 13> kUnary = {
        "Abs",   "Ceil", "Erf",      "Exp",  "Floor",          "Log", "Neg", "Reciprocal",
        "Round", "Selu", "Softsign", "Sqrt", "ThresholdedRelu"};
    if (node.outputs.size() != 1 || node.inputs.empty() ||
        values[static_cast<std::size_t>(node.outputs[0])].dtype != DType::f32)
        return false;
    if (std::find(kUnary.begin(), kUnary.end(), node.op) != kUnary.end()) return true;
    const auto step = as_step(values, node, chain);
    if (!step) return false;
    if (step->kind == EpilogueStep::Kind::activation) return true;
    if (step->operand == ir::kNone || step->operand == chain) return false;
    const Tensor* operand = graph.constant(step->operand);
    return operand && operand->size() == 1;
}

std::variant<Region, Refusal> match_table(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "DequantizeLinear") return refuse(Reason::unsupported_operator);
    if (!context.shape(node.inputs[0])) return refuse(Reason::shape_depends_on_data);
    if (!quantisation(context.values, node)) return refuse(Reason::unsupported_dtype, "no 8-bit tensor with one scale");
    if (context.info(node.inputs[0]).constant) return refuse(Reason::unsupported_shape, "a constant");
    std::vector<ir::NodeId> nodes = {root};
    for (ir::ValueId at = node.outputs[0]; context.fuse && nodes.size() < 12;) {
        const ir::NodeId next = context.sole_consumer(at);
        if (next == ir::kNone) break;
        const ir::Node& step = context.graph.node(next);
        const bool quantises =
            step.op == "QuantizeLinear" && step.inputs[0] == at && quantisation(context.values, step);
        if (!quantises && !element_wise(context.graph, context.values, step, at)) break;
        nodes.push_back(next);
        at = step.outputs[0];
        if (quantises) break;
    }
    return make_region(context, "quantised_table", std::move(nodes));
}

/// Results of the region for all 256 stored numbers, by their bits.
Tensor make_table(const RegionContext& context) {
    const ir::ValueId stored = context.node(0).inputs[0];
    Tensor table(context.dtype(stored), {256});
    for (int i = 0; i < 256; ++i) table.raw()[i] = static_cast<std::byte>(i);
    ir::ValueId at = stored;
    for (std::size_t i = 0; i < context.region.nodes.size(); ++i) {
        const ir::Node& node = context.node(i);
        std::vector<Tensor> inputs;
        for (const ir::ValueId id : node.inputs) {
            const bool flat = id != ir::kNone && id != at && context.constant(id)->size() == 1;
            inputs.push_back(id == ir::kNone ? Tensor()
                             : id == at      ? table
                             : flat          ? context.constant(id)->reshaped({})
                                             : *context.constant(id));
        }
        table = ops::evaluate(node, std::move(inputs))[0];
        at = node.outputs[0];
    }
    return table;
}

template <class Out>
void look_up(const Out* table, const std::byte* input, std::byte* output, std::size_t begin, std::size_t count) {
    const auto* source = reinterpret_cast<const std::uint8_t*>(input) + begin;
    Out* target = reinterpret_cast<Out*>(output) + begin;
    for (std::size_t i = 0; i < count; ++i) target[i] = table[source[i]];
}

std::unique_ptr<Kernel> prepare_table(const RegionContext& context, const Tactic&) {
    if (context.region.nodes.size() == 1) {
        const Quantisation q = *quantisation(context.values, context.node(0));
        const simd::Dequantise numbers{q.scale, static_cast<float>(q.zero), q.type == DType::i8};
        return element_kernel(context, "dequantise",
                              [numbers](const KernelArgs& args, std::size_t begin, std::size_t count) {
                                  simd::dequantise(numbers, args.inputs[0] + begin,
                                                   reinterpret_cast<float*>(args.outputs[0]) + begin, count);
                              });
    }
    const Tensor table = make_table(context);
    const bool wide = table.dtype() == DType::f32;
    return element_kernel(
        context, "table of 256", [table, wide](const KernelArgs& args, std::size_t begin, std::size_t count) {
            if (wide)
                look_up(reinterpret_cast<const float*>(table.raw()), args.inputs[0], args.outputs[0], begin, count);
            else
                look_up(reinterpret_cast<const std::uint8_t*>(table.raw()), args.inputs[0], args.outputs[0], begin,
                        count);
        });
}

// ---- sums

/// Bounds of the result: its type's, narrowed by activations that only clamp.
struct Bounds {
    float lowest, highest;
};

float units(const Quantisation& q, float real) {
    return std::nearbyint(std::clamp(real / q.scale, -1e6f, 1e6f)) + static_cast<float>(q.zero);
}

struct Sum {
    Dequantised a, b;
    QuantisedChain chain;
    std::vector<ir::NodeId> nodes;
};

bool clamps(const EpilogueStep& step, ir::ValueId) {
    return step.kind == EpilogueStep::Kind::activation &&
           (step.activation == Activation::relu || step.activation == Activation::clip);
}

std::optional<Sum> read_sum(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                            ir::NodeId root) {
    const ir::Node& node = graph.node(root);
    const auto a = dequantised(graph, values, links, node.inputs[0]),
               b = dequantised(graph, values, links, node.inputs[1]);
    if (!a || !b) return std::nullopt;
    Sum sum{*a, *b, quantised_chain(graph, values, links, node.outputs[0], clamps), {}};
    if (!sum.chain.target) return std::nullopt;
    sum.nodes = {a->node, b->node, root};
    sum.nodes.insert(sum.nodes.end(), sum.chain.nodes.begin(), sum.chain.nodes.end());
    return sum;
}

std::variant<Region, Refusal> match_sum(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Add" || !context.fuse || node.inputs[0] == node.inputs[1])
        return refuse(Reason::unsupported_operator);
    const auto a = context.shape(node.inputs[0]), b = context.shape(node.inputs[1]);
    if (!a || !b) return refuse(Reason::shape_depends_on_data);
    if (context.info(node.inputs[0]).dtype != DType::f32) return refuse(Reason::unsupported_operator);
    if (*a != *b) return refuse(Reason::unsupported_shape, "quantised operands of different shapes");
    const auto sum = read_sum(context.graph, context.values, free_links(context), root);
    if (!sum) return refuse(Reason::unsupported_dtype, "operands and result are not all quantised to 8 bits");
    Region region = make_region(context, "quantised_add", sum->nodes);
    if (sum->a.stored == sum->b.stored) return refuse(Reason::unsupported_shape, "a tensor added to itself");
    return region;
}

std::unique_ptr<Kernel> prepare_sum(const RegionContext& context, const Tactic&) {
    std::size_t at = 0;
    while (context.node(at).op != "Add") ++at;
    const Sum sum = *read_sum(context.graph, context.values, region_links(context), context.region.nodes[at]);
    const Quantisation a = sum.a.quantisation, b = sum.b.quantisation, y = *sum.chain.target;
    Bounds bounds{static_cast<float>(y.lowest()), static_cast<float>(y.highest())};
    for (const QuantisedStep& step : sum.chain.steps) {
        const bool relu = step.step.activation == Activation::relu;
        const float low = units(y, relu ? 0 : step.step.alpha), high = relu ? bounds.highest : units(y, step.step.beta);
        bounds = {std::clamp(low, bounds.lowest, bounds.highest), std::clamp(high, bounds.lowest, bounds.highest)};
    }
    simd::QuantisedAdd add{a.scale / y.scale,   b.scale / y.scale,  0,
                           bounds.lowest,       bounds.highest,     a.type == DType::i8,
                           b.type == DType::i8, y.type == DType::i8};
    add.offset = static_cast<float>(y.zero - static_cast<double>(a.zero) * static_cast<double>(add.scale_a) -
                                    static_cast<double>(b.zero) * static_cast<double>(add.scale_b));
    const std::size_t left = context.input_index(sum.a.stored), right = context.input_index(sum.b.stored);
    return element_kernel(context, "own",
                          [add, left, right](const KernelArgs& args, std::size_t begin, std::size_t count) {
                              simd::quantised_add(add, args.inputs[left] + begin, args.inputs[right] + begin,
                                                  args.outputs[0] + begin, count);
                          });
}

// ---- QuantizeLinear alone

std::variant<Region, Refusal> match_quantise(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "QuantizeLinear") return refuse(Reason::unsupported_operator);
    if (!context.shape(node.inputs[0])) return refuse(Reason::shape_depends_on_data);
    if (!quantisation(context.values, node))
        return refuse(Reason::unsupported_dtype, "not from f32 to 8 bits with one constant scale");
    return make_region(context, "quantise", {root});
}

std::unique_ptr<Kernel> prepare_quantise(const RegionContext& context, const Tactic&) {
    const Quantisation q = *quantisation(context.values, context.node(0));
    const simd::Quantise numbers{q.scale, static_cast<float>(q.zero), static_cast<float>(q.lowest()),
                                 static_cast<float>(q.highest()), q.type == DType::i8};
    return element_kernel(context, "own", [numbers](const KernelArgs& args, std::size_t begin, std::size_t count) {
        simd::quantise(numbers, reinterpret_cast<const float*>(args.inputs[0]) + begin, args.outputs[0] + begin, count);
    });
}

}  // namespace

Family quantise_family() { return {"quantise", match_quantise, tactics, prepare_quantise}; }
Family quantised_add_family() { return {"quantised_add", match_sum, tactics, prepare_sum}; }
Family quantised_table_family() { return {"quantised_table", match_table, tactics, prepare_table}; }

}  // namespace fovea::backend::cpu
