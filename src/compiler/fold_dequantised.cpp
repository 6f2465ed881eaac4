#include "compiler/fold_dequantised.hpp"

#include <algorithm>

#include "ops/evaluate.hpp"

namespace fovea::compiler {

bool fold_dequantised(ir::Graph& graph, const Covering& covering) {
    bool changed = false;
    for (const backend::Region& region : covering.regions) {
        if (region.nodes.size() != 1) continue;
        const ir::Node node = graph.node(region.nodes[0]);
        const auto known = [&](ir::ValueId id) { return id == ir::kNone || graph.constant(id); };
        if (node.op != "DequantizeLinear" || !std::all_of(node.inputs.begin(), node.inputs.end(), known)) continue;
        std::vector<Tensor> inputs;
        for (const ir::ValueId id : node.inputs) inputs.push_back(id == ir::kNone ? Tensor() : *graph.constant(id));
        const Tensor result = ops::evaluate(node, std::move(inputs))[0];
        const std::string name = graph.value(node.outputs[0]).name;
        graph.replace_uses(node.outputs[0], graph.add_constant(graph.unique_name(name + "/value"), result));
        graph.remove_node(region.nodes[0]);
        changed = true;
    }
    if (changed) graph = graph.compact();
    return changed;
}

}  // namespace fovea::compiler
