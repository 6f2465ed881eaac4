#include <set>
#include <string>

#include "base/limits.hpp"
#include "fovea/error.hpp"
#include "ir/graph.hpp"

namespace fovea::ir {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::invalid_model, message); }

void verify_node(const Graph& graph, NodeId id, int depth);

void verify_at(const Graph& graph, int depth) {
    if (depth > base::limits::kMaxNesting)
        fail("bodies nest deeper than " + std::to_string(base::limits::kMaxNesting) + " levels");
    std::set<std::string_view> names;
    for (ValueId id = 0; id < graph.value_count(); ++id)
        if (!names.insert(graph.value(id).name).second) fail("two tensors are named \"" + graph.value(id).name + "\"");
    const auto in_range = [&](ValueId id) { return id >= 0 && id < graph.value_count(); };
    for (ValueId id : graph.inputs)
        if (!in_range(id) || graph.value(id).producer != kNone) fail("a graph input is also produced by a node");
    for (const NodeId id : graph.order()) verify_node(graph, id, depth);
    for (const Output& output : graph.outputs) {
        if (!in_range(output.value)) fail("output \"" + output.name + "\" refers to no tensor");
        const Value& value = graph.value(output.value);
        if (value.producer == kNone && !value.constant && !graph.is_input(output.value))
            fail("output \"" + output.name + "\" is produced by no node");
    }
}

void verify_node(const Graph& graph, NodeId id, int depth) {
    const Node& node = graph.node(id);
    try {
        for (ValueId input : node.inputs) {
            if (input == kNone) continue;
            if (input < 0 || input >= graph.value_count()) fail("an input refers to no tensor");
            const Value& value = graph.value(input);
            if (value.producer == kNone && !value.constant && !graph.is_input(input))
                fail("input \"" + value.name + "\" is produced by no node and is no constant");
        }
        for (ValueId output : node.outputs)
            if (output != kNone && graph.value(output).producer != id) fail("an output has another producer");
        for (const auto& [key, attribute] : node.attributes)
            if (const auto* body = std::get_if<std::shared_ptr<const Graph>>(&attribute)) verify_at(**body, depth + 1);
    } catch (Error& error) {
        throw error.in("node " + node.name + " (" + node.op + ")");
    }
}

}  // namespace

void verify(const Graph& graph) { verify_at(graph, 0); }

}  // namespace fovea::ir
