#include "precision/widen.hpp"

#include <algorithm>

#include "ops/infer.hpp"
#include "ops/onnx_type.hpp"

namespace fovea::precision {
namespace {

using ir::kNone;
using ir::ValueId;

bool is_fixed(const ir::Node& node) {
    return node.op == "BitCast" || std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& entry) {
               return std::holds_alternative<std::shared_ptr<const ir::Graph>>(entry.second);
           });
}

ValueId add_cast(ir::Graph& graph, ValueId from, ValueId to) {
    const ir::Value& value = graph.value(to);
    graph.add_node({.op = "Cast",
                    .name = value.name,
                    .inputs = {from},
                    .outputs = {to},
                    .attributes = {{"to", ops::onnx_number(value.dtype)}}});
    return to;
}

/// A value for what `id` holds in another type.
ValueId add_twin(ir::Graph& graph, ValueId id, DType type) {
    return graph.add_value(
        {.name = graph.unique_name(graph.value(id).name + "/" + std::string(to_string(type))), .dtype = type});
}

ValueId cast_to(ir::Graph& graph, ValueId id, DType type) { return add_cast(graph, id, add_twin(graph, id, type)); }

/// What reads `id`, which keeps its type, reads it in f32.
void widen_readers(ir::Graph& graph, ValueId id) {
    const ValueId wide = add_twin(graph, id, DType::f32);
    graph.replace_uses(id, wide);
    add_cast(graph, id, wide);
}

void widen_attributes(ir::Node& node, DType type) {
    for (const char* key : {"to", "dtype", "output_dtype"})
        if (node.attributes.contains(key) && node.get<std::int64_t>(key, 0) == ops::onnx_number(type))
            node.attributes.insert_or_assign(key, ops::onnx_number(DType::f32));
    for (auto& [key, attribute] : node.attributes)
        if (const Tensor* tensor = std::get_if<Tensor>(&attribute); tensor && tensor->dtype() == type)
            attribute = tensor->cast(DType::f32);
}

}  // namespace

bool holds(const ir::Graph& graph, DType type) {
    for (ValueId id = 0; id < graph.value_count(); ++id)
        if (graph.value(id).dtype == type) return true;
    return false;
}

ir::Graph widen(ir::Graph graph, DType type) {
    ops::annotate(graph);
    if (!holds(graph, type)) return graph;
    const auto is_narrow = [&](ValueId id) { return id != kNone && graph.value(id).dtype == type; };
    std::vector<std::size_t> outputs;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i)
        if (is_narrow(graph.outputs[i].value)) outputs.push_back(i);
    std::vector<std::pair<ir::NodeId, std::size_t>> fixed_inputs;
    std::vector<ValueId> kept(graph.inputs);
    for (const ir::NodeId id : graph.order()) {
        ir::Node& node = graph.node(id);
        if (!is_fixed(node)) {
            widen_attributes(node, type);
            continue;
        }
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            if (is_narrow(node.inputs[i])) fixed_inputs.emplace_back(id, i);
        kept.insert(kept.end(), node.outputs.begin(), node.outputs.end());
    }
    std::erase_if(kept, [&](ValueId id) { return !is_narrow(id); });
    for (ValueId id = 0; id < graph.value_count(); ++id)
        if (ir::Value& value = graph.value(id); value.constant && value.dtype == type) {
            value.constant = value.constant.cast(DType::f32);
            value.dtype = DType::f32;
        }
    for (const ValueId id : kept) widen_readers(graph, id);
    for (const auto& [id, i] : fixed_inputs) {
        const ValueId narrow = cast_to(graph, graph.node(id).inputs[i], type);
        graph.node(id).inputs[i] = narrow;
    }
    for (const std::size_t i : outputs) graph.outputs[i].value = cast_to(graph, graph.outputs[i].value, type);
    graph = graph.compact();
    ops::annotate(graph);
    return graph;
}

}  // namespace fovea::precision
