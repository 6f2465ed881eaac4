#include "ir/graph.hpp"

#include <algorithm>

#include "fovea/error.hpp"

namespace fovea::ir {

std::optional<Shape> known_shape(const std::optional<Dims>& dims) {
    if (!dims) return std::nullopt;
    Shape shape;
    for (const Dim& dim : *dims) {
        if (!dim.known()) return std::nullopt;
        shape.push_back(dim.value);
    }
    return shape;
}

Dims to_dims(std::span<const std::int64_t> shape) { return {shape.begin(), shape.end()}; }

std::string to_string(const std::optional<Dims>& dims) {
    if (!dims) return "[*]";
    std::string text = "[";
    for (std::size_t i = 0; i < dims->size(); ++i) {
        const Dim& dim = (*dims)[i];
        text += i ? ", " : "";
        text += dim.known() ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : dim.symbol;
    }
    return text + "]";
}

bool equal(const Attribute& a, const Attribute& b) {
    if (a.index() != b.index()) return false;
    if (const auto* tensor = std::get_if<Tensor>(&a)) return tensor->equals(std::get<Tensor>(b));
    return std::visit(
        [&](const auto& x) {
            using T = std::decay_t<decltype(x)>;
            if constexpr (std::is_same_v<T, Tensor>)
                return false;
            else
                return x == std::get<T>(b);
        },
        a);
}

void throw_attribute_type(const Node& node, std::string_view key) {
    throw Error(ErrorCode::invalid_model, "the attribute has an unexpected type")
        .in("attribute " + std::string(key))
        .in("node " + node.name + " (" + node.op + ")");
}

ValueId Graph::add_value(Value value) {
    const auto id = value_count();
    if (value.name.empty()) value.name = unique_name("v" + std::to_string(id));
    if (!by_name_.emplace(value.name, id).second)
        throw Error(ErrorCode::invalid_model, "the tensor name \"" + value.name + "\" is produced more than once");
    values_.push_back(std::move(value));
    return id;
}

ValueId Graph::add_input(std::string input_name, DType dtype, std::optional<Dims> dims) {
    const ValueId id = add_value({.name = std::move(input_name), .dtype = dtype, .dims = std::move(dims)});
    inputs.push_back(id);
    return id;
}

ValueId Graph::add_constant(std::string constant_name, Tensor tensor) {
    return add_value({.name = std::move(constant_name),
                      .dtype = tensor.dtype(),
                      .dims = to_dims(tensor.shape()),
                      .constant = std::move(tensor)});
}

NodeId Graph::add_node(Node node) {
    const auto id = node_count();
    for (ValueId output : node.outputs) {
        if (output == kNone) continue;
        if (value(output).producer != kNone)
            throw Error(ErrorCode::invalid_model, "the tensor \"" + value(output).name + "\" has two producers");
        value(output).producer = id;
    }
    nodes_.push_back(std::move(node));
    return id;
}

void Graph::remove_node(NodeId id) {
    for (ValueId output : node(id).outputs)
        if (output != kNone && value(output).producer == id) value(output).producer = kNone;
    node(id).removed = true;
}

std::vector<NodeId> Graph::order() const {
    // Kahn's algorithm with the smallest id first keeps the user's order where dependencies allow it.
    std::vector<int> missing(nodes_.size(), 0);
    std::vector<NodeId> ready, result;
    std::size_t live = 0;
    for (NodeId id = 0; id < node_count(); ++id) {
        if (node(id).removed) continue;
        ++live;
        for (ValueId input : node(id).inputs)
            if (input != kNone && value(input).producer != kNone) ++missing[static_cast<std::size_t>(id)];
        if (missing[static_cast<std::size_t>(id)] == 0) ready.push_back(id);
    }
    const auto readers = consumers();
    std::make_heap(ready.begin(), ready.end(), std::greater<>());
    while (!ready.empty()) {
        std::pop_heap(ready.begin(), ready.end(), std::greater<>());
        const NodeId id = ready.back();
        ready.pop_back();
        result.push_back(id);
        for (ValueId output : node(id).outputs) {
            if (output == kNone) continue;
            for (NodeId reader : readers[static_cast<std::size_t>(output)])
                if (--missing[static_cast<std::size_t>(reader)] == 0) {
                    ready.push_back(reader);
                    std::push_heap(ready.begin(), ready.end(), std::greater<>());
                }
        }
    }
    if (result.size() != live)
        for (NodeId id = 0; id < node_count(); ++id)
            if (!node(id).removed && missing[static_cast<std::size_t>(id)] > 0)
                throw Error(ErrorCode::invalid_model, "the node is part of a cycle; a graph must be acyclic")
                    .in("node " + node(id).name + " (" + node(id).op + ")");
    return result;
}

std::vector<std::vector<NodeId>> Graph::consumers() const {
    std::vector<std::vector<NodeId>> result(values_.size());
    for (NodeId id = 0; id < node_count(); ++id) {
        if (node(id).removed) continue;
        for (ValueId input : node(id).inputs)
            if (input != kNone) result[static_cast<std::size_t>(input)].push_back(id);
    }
    return result;
}

bool Graph::is_output(ValueId id) const {
    return std::any_of(outputs.begin(), outputs.end(), [id](const Output& output) { return output.value == id; });
}

bool Graph::is_input(ValueId id) const { return std::find(inputs.begin(), inputs.end(), id) != inputs.end(); }

const Tensor* Graph::constant(ValueId id) const {
    if (id == kNone || !value(id).constant) return nullptr;
    return &value(id).constant;
}

ValueId Graph::find_value(std::string_view value_name) const {
    const auto it = by_name_.find(value_name);
    return it == by_name_.end() ? kNone : it->second;
}

std::string Graph::unique_name(std::string_view base) const {
    if (!by_name_.contains(base)) return std::string(base);
    const auto numbered = [base](std::int64_t i) { return std::string(base) + "_" + std::to_string(i); };
    // Thousands of names may share a base: double the number, then halve the gap.
    std::int64_t taken = 0, free = 1;
    while (by_name_.contains(numbered(free))) {
        taken = free;
        free *= 2;
    }
    while (free - taken > 1) {
        const std::int64_t middle = taken + (free - taken) / 2;
        (by_name_.contains(numbered(middle)) ? taken : free) = middle;
    }
    return numbered(free);
}

void Graph::swap_names(ValueId a, ValueId b) {
    std::swap(value(a).name, value(b).name);
    by_name_[value(a).name] = a;
    by_name_[value(b).name] = b;
}

void Graph::replace_uses(ValueId from, ValueId to) {
    for (Node& reader : nodes_)
        if (!reader.removed) std::replace(reader.inputs.begin(), reader.inputs.end(), from, to);
    for (Output& output : outputs)
        if (output.value == from) output.value = to;
}

int Graph::remove_dead_nodes() {
    std::vector<int> uses(values_.size(), 0);
    for (const Node& reader : nodes_)
        if (!reader.removed)
            for (ValueId input : reader.inputs)
                if (input != kNone) ++uses[static_cast<std::size_t>(input)];
    for (const Output& output : outputs) ++uses[static_cast<std::size_t>(output.value)];
    const auto dead = [&](NodeId id) {
        const Node& n = node(id);
        return !n.removed && std::all_of(n.outputs.begin(), n.outputs.end(), [&](ValueId output) {
            return output == kNone || uses[static_cast<std::size_t>(output)] == 0;
        });
    };
    std::vector<NodeId> work;
    for (NodeId id = 0; id < node_count(); ++id)
        if (dead(id)) work.push_back(id);
    int removed = 0;
    while (!work.empty()) {
        const NodeId id = work.back();
        work.pop_back();
        if (node(id).removed) continue;
        remove_node(id);
        ++removed;
        for (ValueId input : node(id).inputs)
            if (input != kNone && --uses[static_cast<std::size_t>(input)] == 0 && value(input).producer != kNone &&
                dead(value(input).producer))
                work.push_back(value(input).producer);
    }
    return removed;
}

Graph Graph::compact() const {
    Graph result;
    result.name = name;
    std::vector<ValueId> mapped(values_.size(), kNone);
    const auto copy = [&](ValueId id) {
        if (id == kNone) return kNone;
        ValueId& target = mapped[static_cast<std::size_t>(id)];
        if (target == kNone) {
            Value value_copy = value(id);
            value_copy.producer = kNone;
            target = result.add_value(std::move(value_copy));
        }
        return target;
    };
    for (ValueId id : inputs) result.inputs.push_back(copy(id));
    for (NodeId id : order()) {
        Node copied = node(id);
        for (ValueId& input : copied.inputs) input = copy(input);
        for (ValueId& output : copied.outputs) output = copy(output);
        result.add_node(std::move(copied));
    }
    for (const Output& output : outputs) result.outputs.push_back({output.name, copy(output.value)});
    return result;
}

}  // namespace fovea::ir
