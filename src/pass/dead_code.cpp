#include <algorithm>

#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

bool unused(const View& view, ir::ValueId id) {
    return id == ir::kNone || (view.readers(id).empty() && !view.is_output(id));
}

/// A node nobody reads goes, and with it what it alone read; trailing outputs that nobody reads are given up.
void rewrite(const View& view, const ir::Node& node, ir::Patch& patch) {
    std::size_t wanted = node.outputs.size();
    while (wanted > 0 && unused(view, node.outputs[wanted - 1])) --wanted;
    if (wanted == 0) {
        for (const ir::ValueId output : node.outputs)
            if (output != ir::kNone) return patch.drop(view.graph().value(output).producer);
        return;
    }
    // Optional outputs stand last and are those of these operators; elsewhere the number of outputs has a meaning.
    constexpr std::string_view kOptional[] = {"MaxPool", "Dropout", "BatchNormalization", "LayerNormalization"};
    if (wanted == node.outputs.size() ||
        std::find(std::begin(kOptional), std::end(kOptional), node.op) == std::end(kOptional))
        return;
    const auto outputs =
        patch.node_with_outputs(static_cast<int>(wanted), node.op, node.inputs, node.attributes, node.name);
    for (std::size_t i = 0; i < wanted; ++i)
        if (node.outputs[i] != ir::kNone) patch.replace(node.outputs[i], outputs[i]);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass dead_code() { return {"dead-code", "removes nodes and outputs that nothing reads", propose}; }

}  // namespace fovea::pass
