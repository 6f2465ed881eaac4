#include "ir/extract.hpp"

#include <algorithm>

#include "fovea/error.hpp"

namespace fovea::ir {
namespace {

bool holds(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

[[noreturn]] void fail(const std::string& name, const std::string& message) {
    throw Error(ErrorCode::invalid_argument, message).in("tensor " + name);
}

void add(std::vector<ValueId>& list, ValueId id) {
    if (id != kNone && std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
}

/// The tensors that a name stands for; `outputs` chooses the side of a node.
std::vector<ValueId> resolve(const Graph& graph, const std::string& name, bool outputs) {
    for (const Output& output : graph.outputs)
        if (output.name == name) return {output.value};
    if (const ValueId id = graph.find_value(name); id != kNone) return {id};
    for (ValueId id = 0; id < graph.value_count(); ++id)
        if (holds(graph.value(id).origins, name)) return {id};
    std::vector<ValueId> found;
    for (const NodeId id : graph.order()) {
        const Node& node = graph.node(id);
        if (node.name != name && !holds(node.origins, name)) continue;
        for (const ValueId value : outputs ? node.outputs : node.inputs)
            if (value != kNone && (outputs || !graph.constant(value))) add(found, value);
    }
    if (found.empty())
        fail(name, "no tensor or node of the model has this name; `fovea inspect MODEL --graph` lists them");
    return found;
}

/// Reads `from` as further inputs of `part`, which keep the tensors' names.
void cut(Graph& part, const std::vector<ValueId>& from) {
    const std::vector<ValueId> before = part.inputs;
    part.inputs.clear();
    for (const ValueId id : from) {
        const Value& value = part.value(id);
        if (value.constant) fail(value.name, "it is a constant and cannot become an input");
        if (value.dtype == DType::undefined) fail(value.name, "its type is not known, so it cannot become an input");
        if (std::find(before.begin(), before.end(), id) != before.end()) {
            part.inputs.push_back(id);
            continue;
        }
        const ValueId input = part.add_input(part.unique_name(value.name), value.dtype, value.dims);
        part.replace_uses(id, input);
        part.swap_names(id, input);
    }
    // What still reads a former input is found below, so it stays one until then.
    for (const ValueId id : before)
        if (std::find(from.begin(), from.end(), id) == from.end()) part.inputs.push_back(id);
}

bool used(const Graph& graph, const std::vector<std::vector<NodeId>>& consumers, ValueId id) {
    return graph.is_output(id) || !consumers[static_cast<std::size_t>(id)].empty();
}

}  // namespace

Graph extract(const Graph& graph, std::span<const std::string> from, std::span<const std::string> to) {
    std::vector<ValueId> inputs, outputs;
    for (const std::string& name : from)
        for (const ValueId id : resolve(graph, name, false)) add(inputs, id);
    Graph part = graph;
    if (!to.empty()) {
        part.outputs.clear();
        for (const std::string& name : to) {
            const auto found = resolve(graph, name, true);
            for (const ValueId id : found)
                part.outputs.push_back({found.size() == 1 ? name : graph.value(id).name, id});
        }
    }
    for (Output& output : part.outputs) {
        if (std::find(inputs.begin(), inputs.end(), output.value) != inputs.end())
            fail(output.name, "it is given as input and output");
        // A node's name must not become a tensor's.
        const bool tensor = graph.find_value(output.name) != kNone ||
                            holds(graph.value(output.value).origins, output.name) ||
                            std::any_of(graph.outputs.begin(), graph.outputs.end(),
                                        [&](const Output& o) { return o.name == output.name; });
        if (!tensor) output.name = graph.value(output.value).name;
    }
    if (!from.empty()) cut(part, inputs);
    part.remove_dead_nodes();
    const auto consumers = part.consumers();
    std::vector<ValueId> kept;
    for (std::size_t i = 0; i < part.inputs.size(); ++i) {
        const ValueId id = part.inputs[i];
        const bool needed = used(part, consumers, id), asked = from.empty() || i < inputs.size();
        if (needed && !asked)
            fail(part.value(id).name,
                 "the outputs also depend on this input of the model; add it to --from, or cut closer to them");
        if (!needed && !from.empty() && asked)
            fail(part.value(id).name, "the outputs do not depend on it; leave it out of --from");
        if (needed) kept.push_back(id);
    }
    part.inputs = std::move(kept);
    return part.compact();
}

}  // namespace fovea::ir
