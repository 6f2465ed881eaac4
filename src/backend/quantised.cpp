#include "backend/quantised.hpp"

#include <algorithm>
#include <cmath>

namespace fovea::backend {
namespace {

constexpr std::size_t kMostSteps = 6;

const Tensor& constant(const ops::ValueTable& values, ir::ValueId id) {
    static const Tensor kMissing;
    return id == ir::kNone ? kMissing : values[static_cast<std::size_t>(id)].constant;
}

DType dtype(const ops::ValueTable& values, ir::ValueId id) { return values[static_cast<std::size_t>(id)].dtype; }

ir::ValueId input(const ir::Node& node, std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ir::kNone; }

bool usable(float scale) { return std::isfinite(scale) && scale > 1e-30f && scale < 1e30f; }

/// Constant f32 scales of a node, all usable; empty otherwise.
std::vector<float> scales_of(const ops::ValueTable& values, const ir::Node& node) {
    const Tensor& scales = constant(values, input(node, 1));
    if (!scales || scales.dtype() != DType::f32 || node.attributes.contains("precision")) return {};
    auto result = scales.to_float();
    return std::all_of(result.begin(), result.end(), usable) ? result : std::vector<float>();
}

/// DequantizeLinear to f32 in front of `value`, when it may join.
ir::NodeId dequantise_node(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                           ir::ValueId value) {
    if (value == ir::kNone || dtype(values, value) != DType::f32) return ir::kNone;
    const ir::NodeId id = links.producer(value);
    return id != ir::kNone && graph.node(id).op == "DequantizeLinear" ? id : ir::kNone;
}

/// Zero points of a node, when they are all 0 (or there are none).
bool zero_free(const ops::ValueTable& values, const ir::Node& node) {
    if (input(node, 2) == ir::kNone) return true;
    const Tensor& zeros = constant(values, node.inputs[2]);
    if (!zeros) return false;
    const auto numbers = zeros.to_float();
    return std::all_of(numbers.begin(), numbers.end(), [](float n) { return n == 0; });
}

}  // namespace

std::optional<Quantisation> quantisation(const ops::ValueTable& values, const ir::Node& node,
                                         const std::vector<DType>& types) {
    const bool quantises = node.op == "QuantizeLinear";
    if (!quantises && node.op != "DequantizeLinear") return std::nullopt;
    const DType stored = dtype(values, quantises ? node.outputs[0] : node.inputs[0]),
                real = dtype(values, quantises ? node.inputs[0] : node.outputs[0]);
    const auto scales = scales_of(values, node);
    const bool known = std::find(types.begin(), types.end(), stored) != types.end();
    if (real != DType::f32 || !known || scales.size() != 1) return std::nullopt;
    Quantisation result{stored, scales[0], 0};
    if (input(node, 2) == ir::kNone) return result;
    const Tensor& zero = constant(values, node.inputs[2]);
    if (!zero || zero.size() != 1) return std::nullopt;
    result.zero = static_cast<std::int32_t>(zero.to_float()[0]);
    return result;
}

Links free_links(const MatchContext& context) {
    Links links;
    links.producer = [&context](ir::ValueId id) { return context.sole_producer(id); };
    links.consumer = [&context](ir::ValueId id) { return context.sole_consumer(id); };
    return links;
}

Links region_links(const RegionContext& context) {
    const auto inside = [&context](ir::NodeId id) {
        return std::find(context.region.nodes.begin(), context.region.nodes.end(), id) != context.region.nodes.end();
    };
    const auto producer = [&context, inside](ir::ValueId id) {
        const ir::NodeId node = context.graph.value(id).producer;
        return node != ir::kNone && inside(node) ? node : ir::kNone;
    };
    const auto consumer = [&context](ir::ValueId id) {
        for (const ir::NodeId node : context.region.nodes) {
            const auto& inputs = context.graph.node(node).inputs;
            if (std::find(inputs.begin(), inputs.end(), id) != inputs.end()) return node;
        }
        return ir::kNone;
    };
    Links links;
    links.producer = producer;
    links.consumer = consumer;
    return links;
}

std::optional<Dequantised> dequantised(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                       ir::ValueId value) {
    const ir::NodeId id = dequantise_node(graph, values, links, value);
    if (id == ir::kNone) return std::nullopt;
    const ir::ValueId stored = graph.node(id).inputs[0];
    const auto numbers = quantisation(values, graph.node(id), links.stored);
    if (!numbers || constant(values, stored)) return std::nullopt;
    return Dequantised{id, stored, *numbers};
}

std::optional<QuantisedWeights> quantised_weights(const ir::Graph& graph, const ops::ValueTable& values,
                                                  const Links& links, ir::ValueId value, std::int64_t axis) {
    const ir::NodeId id = dequantise_node(graph, values, links, value);
    if (id == ir::kNone) return std::nullopt;
    const ir::Node& node = graph.node(id);
    const Tensor& stored = constant(values, node.inputs[0]);
    if (!stored || stored.dtype() != links.weights || node.get<std::int64_t>("block_size", 0) != 0 ||
        !zero_free(values, node))
        return std::nullopt;
    QuantisedWeights result{id, node.inputs[0], scales_of(values, node)};
    if (result.scales.size() == 1) return result;
    const auto along = base::normalize_axis(node.get<std::int64_t>("axis", 1), stored.rank());
    if (along != axis ||
        result.scales.size() != static_cast<std::size_t>(stored.shape()[static_cast<std::size_t>(axis)]))
        return std::nullopt;
    return result;
}

std::optional<Bias> constant_bias(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                  ir::ValueId value) {
    const ir::NodeId id = dequantise_node(graph, values, links, value);
    if (id == ir::kNone) {
        const Tensor& plain = constant(values, value);
        if (!plain || plain.dtype() != DType::f32 || !graph.constant(value)) return std::nullopt;
        return Bias{ir::kNone, plain.to_float()};
    }
    const ir::Node& node = graph.node(id);
    const Tensor& stored = constant(values, node.inputs[0]);
    const auto scales = scales_of(values, node);
    if (!stored || stored.rank() != 1 || scales.empty() || !zero_free(values, node) ||
        node.get<std::int64_t>("block_size", 0) != 0)
        return std::nullopt;
    if (scales.size() != 1 && scales.size() != static_cast<std::size_t>(stored.size())) return std::nullopt;
    Bias result{id, {}};
    const auto numbers = stored.to_int64();
    for (std::size_t i = 0; i < numbers.size(); ++i)
        result.values.push_back(static_cast<float>(static_cast<double>(numbers[i]) *
                                                   static_cast<double>(scales[scales.size() == 1 ? 0 : i])));
    return result;
}

QuantisedChain quantised_chain(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                               ir::ValueId start, const AcceptStep& accept) {
    QuantisedChain chain;
    const auto shape = [&](ir::ValueId id) { return ir::known_shape(values[static_cast<std::size_t>(id)].dims); };
    for (ir::ValueId at = start; chain.steps.size() < kMostSteps;) {
        const ir::NodeId next = links.consumer(at);
        if (next == ir::kNone) break;
        const ir::Node& node = graph.node(next);
        if (node.op == "QuantizeLinear") {
            if (node.inputs[0] == at) chain.target = quantisation(values, node, links.stored);
            if (chain.target) chain.nodes.push_back(next);
            break;
        }
        const auto step = as_step(values, node, at);
        if (!step || step->kind == EpilogueStep::Kind::cast || !accept(*step, at)) break;
        QuantisedStep added{*step, std::nullopt};
        if (step->kind == EpilogueStep::Kind::add && shape(step->operand) == shape(at))
            if (const auto operand = dequantised(graph, values, links, step->operand)) {
                chain.nodes.push_back(operand->node);
                added.step.operand = operand->stored;
                added.operand = operand->quantisation;
            }
        chain.steps.push_back(added);
        chain.nodes.push_back(next);
        at = node.outputs[0];
    }
    return chain;
}

}  // namespace fovea::backend
