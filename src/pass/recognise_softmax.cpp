#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Node;
using ir::ValueId;

/// The single axis of a reduction that keeps its dimensions.
std::optional<std::int64_t> kept_axis(const View& view, const Node& node) {
    if (node.get<std::int64_t>("keepdims", 1) == 0) return std::nullopt;
    const auto axes = reduced_axes(view, node);
    return axes && axes->size() == 1 ? std::optional(axes->front()) : std::nullopt;
}

/// exp(x - max(x)) / sum(…) and exp(x) / sum(…) along one axis.
void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Div") return;
    const Node* exp = view.producer(node.inputs[0], "Exp");
    const Node* sum = view.producer(node.inputs[1], "ReduceSum");
    if (!exp || !sum || sum->inputs[0] != node.inputs[0]) return;
    const auto axis = kept_axis(view, *sum);
    if (!axis) return;
    ValueId x = exp->inputs[0];
    if (const Node* shifted = view.producer(x, "Sub")) {
        const Node* maximum = view.producer(shifted->inputs[1], "ReduceMax");
        if (maximum && maximum->inputs[0] == shifted->inputs[0] && kept_axis(view, *maximum) == axis)
            x = shifted->inputs[0];
    }
    patch.replace(node.outputs[0], patch.node("Softmax", {x}, {{"axis", *axis}}));
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass recognise_softmax() {
    return {"recognise-softmax", "finds Softmax written as a quotient of exponentials", propose};
}

}  // namespace fovea::pass
