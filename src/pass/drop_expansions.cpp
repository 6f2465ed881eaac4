#include <algorithm>

#include "ops/op.hpp"
#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// An operand that an element-wise node would repeat anyway need not be repeated before.
void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    const ops::Op* op = ops::find(node.op);
    if (!op || !op->elementwise || node.inputs.size() < 2 || node.outputs.size() != 1) return;
    std::vector<ValueId> inputs = node.inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Node* expand = inputs[i] == kNone ? nullptr : view.producer(inputs[i], "Expand");
        if (!expand) continue;
        const bool implied = std::any_of(inputs.begin(), inputs.end(), [&](ValueId other) {
            return other != kNone && other != inputs[i] && view.same_dims(other, node.outputs[0]);
        });
        if (!implied) continue;
        inputs[i] = expand->inputs[0];
        return patch.replace(node.outputs[0], patch.node(node.op, std::move(inputs), node.attributes));
    }
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass drop_expansions() {
    return {"drop-expansions", "drops an Expand whose repetition the element-wise reader implies", propose};
}

}  // namespace fovea::pass
