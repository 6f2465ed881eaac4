#include <algorithm>

#include "ops/op.hpp"
#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// Operators that give the same elements in the same order another shape.
bool is_reshape(const Node& node) {
    return node.op == "Reshape" || node.op == "Squeeze" || node.op == "Unsqueeze" || node.op == "Flatten";
}

/// Squeeze, Unsqueeze and Flatten become Reshape, and of several in a row only the last stays.
void merge(const View& view, const Node& node, ir::Patch& patch) {
    ValueId source = node.inputs[0];
    while (const Node* inner = view.producer(source)) {
        if (!is_reshape(*inner)) break;
        source = inner->inputs[0];
    }
    const bool canonical = node.op == "Reshape" && view.constant(node.inputs[1]);
    if (source == node.inputs[0] && (canonical || node.op == "Reshape")) return;
    const ValueId result = reshape(view, patch, source, view.dims(node.outputs[0]));
    if (result != kNone) patch.replace(node.outputs[0], result);
}

/// Whether a constant operand means the same on the shapes before and after the reshape: one element, or one per place
/// of a last axis that stays.
bool independent_of_shape(const View& view, ValueId constant, ValueId before, ValueId after) {
    const Tensor& tensor = *view.constant(constant);
    const auto &x = view.dims(before), &y = view.dims(after);
    if (tensor.size() == 1)
        return tensor.rank() <= static_cast<std::int64_t>(x->size()) &&
               tensor.rank() <= static_cast<std::int64_t>(y->size());
    return tensor.rank() == 1 && !x->empty() && !y->empty() && x->back().value == tensor.size() &&
           y->back().value == tensor.size();
}

/// An element-wise node behind a reshape moves in front of it, next to what computes its input.
void sink(const View& view, const Node& node, ir::Patch& patch) {
    if (node.attributes.contains("axis")) return;
    const Node* shaped = nullptr;
    for (const ValueId id : node.inputs) {
        if (id == kNone || view.constant(id)) continue;
        const Node* source = view.producer(id, "Reshape");
        if (shaped || !source || !view.single_use(id) || !view.constant(source->inputs[1])) return;
        shaped = source;
    }
    if (!shaped || !view.dims(shaped->inputs[0]) || !view.dims(shaped->outputs[0])) return;
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) {
        if (id != kNone && view.constant(id) && !independent_of_shape(view, id, shaped->inputs[0], shaped->outputs[0]))
            return;
        inputs.push_back(id == shaped->outputs[0] ? shaped->inputs[0] : id);
    }
    const ValueId moved = patch.node(node.op, std::move(inputs), node.attributes);
    patch.replace(node.outputs[0], patch.node("Reshape", {moved, shaped->inputs[1]}, shaped->attributes));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.outputs.size() != 1 || node.inputs.empty()) return;
    if (is_reshape(node)) return merge(view, node, patch);
    const ops::Op* op = ops::find(node.op);
    if (op && op->elementwise) sink(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass clean_reshapes() {
    return {
        "clean-reshapes",
        "writes Squeeze, Unsqueeze and Flatten as Reshape, merges reshapes and moves them behind element-wise nodes",
        propose};
}

}  // namespace fovea::pass
