#include <algorithm>

#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

const Permutation kSwapHeads = {0, 2, 1, 3};

bool is_head_swap(const View& view, const Node* node) {
    if (!node || node->op != "Transpose") return false;
    const auto perm = permutation(view, *node);
    return perm && *perm == kSwapHeads;
}

/// [batch, length, heads · size] when `id` is its split into heads [batch, heads, length, size]; else `kNone`.
ValueId joined(const View& view, ValueId id) {
    const Node* swap = view.producer(id, "Transpose");
    if (!is_head_swap(view, swap)) return kNone;
    const Node* split = view.producer(swap->inputs[0], "Reshape");
    if (!split) return kNone;
    const auto &whole = view.dims(split->inputs[0]), &parts = view.dims(split->outputs[0]);
    if (!whole || whole->size() != 3 || !parts || parts->size() != 4) return kNone;
    if (!(*parts)[2].known() || !(*parts)[3].known() || !(*whole)[2].known()) return kNone;
    const bool same_batch = (*whole)[0].same((*parts)[0]), same_length = (*whole)[1].same((*parts)[1]);
    if ((!same_batch && !same_length) || (*parts)[2].value * (*parts)[3].value != (*whole)[2].value) return kNone;
    return split->inputs[0];
}

/// The same for a constant.
Tensor joined(const Tensor& heads) {
    const Shape& shape = heads.shape();
    return transposed(heads, kSwapHeads).reshaped({shape[0], shape[2], shape[1] * shape[3]});
}

/// A Reshape of [batch, length, heads, size] that joins heads and size.
const Node* joining_reshape(const View& view, const Node& swap) {
    if (!view.single_use(swap.outputs[0])) return nullptr;
    const Node& node = view.graph().node(view.readers(swap.outputs[0])[0]);
    if (node.op != "Reshape") return nullptr;
    const auto &parts = view.dims(node.inputs[0]), &whole = view.dims(node.outputs[0]);
    if (!parts || parts->size() != 4 || !whole || whole->size() != 3) return nullptr;
    const bool same_batch = (*whole)[0].same((*parts)[0]), same_length = (*whole)[1].same((*parts)[1]);
    const bool joins = (*parts)[2].known() && (*parts)[3].known() && (*whole)[2].known() &&
                       (*whole)[2].value == (*parts)[2].value * (*parts)[3].value;
    return joins && (same_batch || same_length) ? &node : nullptr;
}

/// Attention between splits into heads and their join works on [batch, length, heads · size] directly.
void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Attention" || node.outputs.size() != 1 || node.attributes.contains("q_num_heads")) return;
    if (node.inputs.size() > 4 || !view.single_use(node.outputs[0]) || view.rank(node.inputs[0]) != 4) return;
    const Node& swap = view.graph().node(view.readers(node.outputs[0])[0]);
    const Node* join = is_head_swap(view, &swap) ? joining_reshape(view, swap) : nullptr;
    if (!join) return;
    std::vector<ValueId> inputs;
    for (std::size_t i = 0; i < 3; ++i) {
        inputs.push_back(joined(view, node.inputs[i]));
        if (inputs.back() == kNone && !view.constant(node.inputs[i])) return;
    }
    for (std::size_t i = 0; i < 3; ++i)
        if (inputs[i] == kNone) inputs[i] = patch.constant(joined(*view.constant(node.inputs[i])));
    if (View::input(node, 3) != kNone) inputs.push_back(node.inputs[3]);
    auto attributes = node.attributes;
    attributes.insert_or_assign("q_num_heads", (*view.dims(node.inputs[0]))[1].value);
    attributes.insert_or_assign("kv_num_heads", (*view.dims(node.inputs[1]))[1].value);
    patch.replace(join->outputs[0], patch.node("Attention", std::move(inputs), std::move(attributes)));
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass attention_layout() {
    return {"attention-layout", "lets Attention read and write [batch, length, heads * size] without splits into heads",
            propose};
}

}  // namespace fovea::pass
