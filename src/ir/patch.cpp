#include "ir/patch.hpp"

#include <algorithm>

namespace fovea::ir {
namespace {

void merge_into(std::vector<std::string>& target, const std::vector<std::string>& source) {
    target.insert(target.end(), source.begin(), source.end());
    std::sort(target.begin(), target.end());
    target.erase(std::unique(target.begin(), target.end()), target.end());
}

}  // namespace

ValueId Patch::constant(Tensor tensor, std::string name) {
    Value value{.name = std::move(name), .dtype = tensor.dtype(), .dims = to_dims(tensor.shape())};
    value.constant = std::move(tensor);
    values_.push_back(std::move(value));
    return next_++;
}

ValueId Patch::node(std::string op, std::vector<ValueId> inputs,
                    std::map<std::string, Attribute, std::less<>> attributes, std::string name) {
    return node_with_outputs(1, std::move(op), std::move(inputs), std::move(attributes), std::move(name)).front();
}

std::vector<ValueId> Patch::node_with_outputs(int count, std::string op, std::vector<ValueId> inputs,
                                              std::map<std::string, Attribute, std::less<>> attributes,
                                              std::string name) {
    Node node{.op = std::move(op), .name = std::move(name), .inputs = std::move(inputs), .attributes = std::move(attributes)};
    for (int i = 0; i < count; ++i) {
        values_.push_back({});
        node.outputs.push_back(next_++);
    }
    std::vector<ValueId> outputs = node.outputs;
    nodes_.push_back(std::move(node));
    return outputs;
}

void Patch::replace(ValueId from, ValueId to) { replacements_.emplace_back(from, to); }

std::vector<NodeId> Patch::apply(Graph& graph) const {
    const ValueId first_new = graph.value_count();
    for (const Value& value : values_) {
        Value copy = value;
        copy.name = graph.unique_name(value.name.empty() ? "t" + std::to_string(graph.value_count()) : value.name);
        graph.add_value(std::move(copy));
    }
    std::vector<NodeId> added;
    for (const Node& node : nodes_) added.push_back(graph.add_node(node));
    for (const auto& [from, to] : replacements_) {
        const Value old = graph.value(from);
        Value& target = graph.value(to);
        if (to >= first_new && target.dtype == DType::undefined) {
            target.dtype = old.dtype;
            target.dims = old.dims;
        }
        merge_into(target.origins, old.origins);
        for (const NodeId id : added) {
            // A new node that reads `from` on purpose keeps reading it.
            Node& node = graph.node(id);
            std::replace(node.inputs.begin(), node.inputs.end(), from, -2 - from);
        }
        graph.replace_uses(from, to);
        for (const NodeId id : added) {
            Node& node = graph.node(id);
            std::replace(node.inputs.begin(), node.inputs.end(), -2 - from, from);
        }
    }
    std::vector<bool> live_before(static_cast<std::size_t>(graph.node_count()));
    for (NodeId id = 0; id < graph.node_count(); ++id) live_before[static_cast<std::size_t>(id)] = !graph.node(id).removed;
    graph.remove_dead_nodes();
    std::vector<std::string> origins;
    for (NodeId id = 0; id < graph.node_count(); ++id)
        if (live_before[static_cast<std::size_t>(id)] && graph.node(id).removed) merge_into(origins, graph.node(id).origins);
    for (const NodeId id : added)
        if (!graph.node(id).removed && graph.node(id).origins.empty()) graph.node(id).origins = origins;
    return added;
}

}  // namespace fovea::ir
