#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// The taken branch of an If with a constant condition replaces the node.
void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "If") return;
    const Tensor* condition = view.constant(node.inputs[0]);
    if (!condition || condition->dtype() != DType::boolean || condition->size() != 1) return;
    const auto* attribute =
        node.find<std::shared_ptr<const ir::Graph>>(condition->as<bool>()[0] ? "then_branch" : "else_branch");
    if (!attribute) return;
    const ir::Graph& body = **attribute;
    std::vector<ValueId> mapped(static_cast<std::size_t>(body.value_count()), kNone);
    const auto place = [&](ValueId id) {
        if (id == kNone) return kNone;
        ValueId& target = mapped[static_cast<std::size_t>(id)];
        if (target == kNone) target = patch.constant(body.value(id).constant, body.value(id).name);
        return target;
    };
    for (std::size_t i = 0; i < body.inputs.size(); ++i)
        mapped[static_cast<std::size_t>(body.inputs[i])] = node.inputs[i + 1];
    for (const ir::NodeId id : body.order()) {
        const Node& inner = body.node(id);
        std::vector<ValueId> inputs;
        for (const ValueId input : inner.inputs) inputs.push_back(place(input));
        const auto outputs = patch.node_with_outputs(static_cast<int>(inner.outputs.size()), inner.op,
                                                     std::move(inputs), inner.attributes, inner.name);
        for (std::size_t i = 0; i < outputs.size(); ++i)
            if (inner.outputs[i] != kNone) mapped[static_cast<std::size_t>(inner.outputs[i])] = outputs[i];
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
        if (node.outputs[i] != kNone) patch.replace(node.outputs[i], place(body.outputs[i].value));
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass inline_branches() {
    return {"inline-branches", "replaces an If whose condition is constant by the branch that it takes", propose};
}

}  // namespace fovea::pass
