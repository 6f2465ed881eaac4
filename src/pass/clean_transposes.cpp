#include <algorithm>
#include <numeric>

#include "ops/op.hpp"
#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"
#include "pass/view_chain.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// Transpose(Transpose(x)) is one Transpose.
void merge(const View& view, const Node& node, ir::Patch& patch) {
    const Node* inner = view.producer(node.inputs[0], "Transpose");
    const auto outer_perm = permutation(view, node);
    if (!inner || !outer_perm) return;
    const auto inner_perm = permutation(view, *inner);
    if (!inner_perm) return;
    const Permutation both = compose(*inner_perm, *outer_perm);
    patch.replace(node.outputs[0],
                  is_identity(both) ? inner->inputs[0] : patch.node("Transpose", {inner->inputs[0]}, {{"perm", both}}));
}

/// A Transpose that moves only axes of size 1 is a Reshape.
void to_reshape(const View& view, const Node& node, ir::Patch& patch) {
    const auto perm = permutation(view, node);
    const auto& dims = view.dims(node.inputs[0]);
    if (!perm || !dims || is_identity(*perm)) return;
    Permutation moved;
    for (const std::int64_t axis : *perm)
        if (const ir::Dim& dim = (*dims)[static_cast<std::size_t>(axis)]; dim.value != 1) moved.push_back(axis);
    if (!std::is_sorted(moved.begin(), moved.end())) return;
    const ValueId result = reshape(view, patch, node.inputs[0], view.dims(node.outputs[0]));
    if (result != kNone) patch.replace(node.outputs[0], result);
}

/// The Transpose that produces `id` for nobody else.
const Node* private_transpose(const View& view, ValueId id) {
    const Node* node = view.producer(id, "Transpose");
    return node && view.single_use(id) ? node : nullptr;
}

/// A constant seen before the transpose: padded to the full rank and transposed back.
Tensor untranspose(const Tensor& constant, const Permutation& perm) {
    if (constant.size() == 1) return constant.rank() <= 1 ? constant : constant.reshaped({1});
    if (constant.rank() == 1 && perm.back() == static_cast<std::int64_t>(perm.size()) - 1) return constant;
    Shape shape(perm.size() - constant.shape().size(), 1);
    shape.insert(shape.end(), constant.shape().begin(), constant.shape().end());
    return transposed(constant.reshaped(std::move(shape)), inverse(perm));
}

/// The permutation of all private transposes that `node` reads, where these are equal.
std::optional<Permutation> permutation_of_inputs(const View& view, const Node& node) {
    std::optional<Permutation> perm;
    for (const ValueId id : node.inputs) {
        const Node* transpose = id == kNone ? nullptr : private_transpose(view, id);
        const auto own = transpose ? permutation(view, *transpose) : std::nullopt;
        if (own && perm && *perm != *own) return std::nullopt;
        if (own) perm = own;
    }
    return perm;
}

/// What an element-wise node reads on the other side of the transposes in front of it; not set where an input is
/// neither a constant nor such a transpose. `moved`, where the node reads it, stands for `result` transposed.
std::optional<std::vector<ValueId>> inputs_before(const View& view, ir::Patch& patch, const Node& node,
                                                  const Permutation& perm, ValueId moved, ValueId result) {
    // A constant along one named axis is not spread by NumPy's rule.
    const bool named_axis = node.attributes.contains("axis");
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) {
        if (id == kNone) {
            inputs.push_back(id);
        } else if (const Tensor* constant = view.constant(id)) {
            if ((named_axis && constant->size() > 1) || constant->rank() > static_cast<std::int64_t>(perm.size()))
                return std::nullopt;
            inputs.push_back(
                constant->size() == 1 && constant->rank() <= 1 ? id : patch.constant(untranspose(*constant, perm)));
        } else if (id == moved) {
            inputs.push_back(result);
        } else {
            const Node* transpose = private_transpose(view, id);
            if (!transpose || permutation(view, *transpose) != perm) return std::nullopt;
            inputs.push_back(transpose->inputs[0]);
        }
    }
    return inputs;
}

bool is_elementwise(const Node& node) {
    const ops::Op* op = ops::find(node.op);
    return op && op->elementwise && node.outputs.size() == 1 && !node.inputs.empty();
}

/// An element-wise node all of whose inputs are constants or the same transpose of something: the transpose goes
/// behind, and behind such nodes that follow.
void sink_elementwise(const View& view, const Node& node, ir::Patch& patch) {
    const auto perm = permutation_of_inputs(view, node);
    if (!perm) return;
    ValueId moved = kNone, result = kNone;
    for (const Node* next = &node; next && is_elementwise(*next);) {
        auto inputs = inputs_before(view, patch, *next, *perm, moved, result);
        if (!inputs) break;
        result = patch.copy(*next, std::move(*inputs));
        moved = next->outputs[0];
        next = view.single_use(moved) ? &view.graph().node(view.readers(moved)[0]) : nullptr;
    }
    if (moved != kNone) patch.replace(moved, patch.node("Transpose", {result}, {{"perm", *perm}}));
}

/// A Concat whose inputs are all transposed alike.
void sink_concat(const View& view, const Node& node, ir::Patch& patch) {
    std::optional<Permutation> perm;
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) {
        const Node* transpose = private_transpose(view, id);
        const auto own = transpose ? permutation(view, *transpose) : std::nullopt;
        if (!own || (perm && *perm != *own)) return;
        perm = own;
        inputs.push_back(transpose->inputs[0]);
    }
    if (!perm) return;
    const auto rank = static_cast<std::int64_t>(perm->size());
    const std::int64_t axis = base::normalize_axis(node.get<std::int64_t>("axis", 0), rank);
    auto attributes = node.attributes;
    attributes.insert_or_assign("axis", (*perm)[static_cast<std::size_t>(axis)]);
    const ValueId result = patch.node(node.op, std::move(inputs), std::move(attributes));
    patch.replace(node.outputs[0], patch.node("Transpose", {result}, {{"perm", *perm}}));
}

/// A reduction over axes that are known: it takes the axes as they were before.
void sink_reduction(const View& view, const Node& node, ir::Patch& patch) {
    const Node* transpose = private_transpose(view, node.inputs[0]);
    const auto perm = transpose ? permutation(view, *transpose) : std::nullopt;
    const auto axes = perm ? reduced_axes(view, node) : std::nullopt;
    if (!axes || axes->empty()) return;
    std::vector<std::int64_t> before;
    for (const std::int64_t axis : *axes) before.push_back((*perm)[static_cast<std::size_t>(axis)]);
    std::sort(before.begin(), before.end());
    auto attributes = node.attributes;
    attributes.erase("axes");
    const ValueId result =
        patch.node(node.op, {transpose->inputs[0], patch.constant(Tensor::vector(before))}, std::move(attributes));
    Permutation after = *perm;
    if (node.get<std::int64_t>("keepdims", 1) == 0) {
        after.clear();
        for (std::size_t i = 0; i < perm->size(); ++i) {
            const std::int64_t axis = (*perm)[i];
            if (std::binary_search(before.begin(), before.end(), axis)) continue;
            after.push_back(axis -
                            std::count_if(before.begin(), before.end(), [axis](std::int64_t b) { return b < axis; }));
        }
    }
    patch.replace(node.outputs[0], is_identity(after) ? result : patch.node("Transpose", {result}, {{"perm", after}}));
}

/// A Pad by constants over all axes: the amounts are reordered.
void sink_pad(const View& view, const Node& node, ir::Patch& patch) {
    const Node* transpose = private_transpose(view, node.inputs[0]);
    const auto perm = transpose ? permutation(view, *transpose) : std::nullopt;
    const auto pads = view.integers(View::input(node, 1));
    if (!perm || !pads || View::input(node, 3) != kNone || pads->size() != 2 * perm->size()) return;
    std::vector<std::int64_t> before(pads->size());
    for (std::size_t i = 0; i < perm->size(); ++i) {
        const auto axis = static_cast<std::size_t>((*perm)[i]);
        before[axis] = (*pads)[i];
        before[perm->size() + axis] = (*pads)[perm->size() + i];
    }
    std::vector<ValueId> inputs = {transpose->inputs[0], patch.constant(Tensor::vector(before))};
    if (View::input(node, 2) != kNone) inputs.push_back(node.inputs[2]);
    patch.replace(node.outputs[0],
                  patch.node("Transpose", {patch.node("Pad", std::move(inputs), node.attributes)}, {{"perm", *perm}}));
}

/// A product with constant weights, or a normalisation along the last axis, of a transpose that leaves this axis.
void sink_along_last_axis(const View& view, const Node& node, ir::Patch& patch) {
    const Node* transpose = private_transpose(view, node.inputs[0]);
    const auto perm = transpose ? permutation(view, *transpose) : std::nullopt;
    const auto last = perm ? static_cast<std::int64_t>(perm->size()) - 1 : 0;
    if (!perm || perm->back() != last) return;
    if (node.op == "MatMul") {
        const Tensor* weights = view.constant(node.inputs[1]);
        if (!weights || weights->rank() != 2) return;
    } else if (const std::int64_t axis = node.get<std::int64_t>("axis", -1); axis != -1 && axis != last) {
        return;
    }
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = transpose->inputs[0];
    const ValueId result = patch.node(node.op, std::move(inputs), node.attributes);
    patch.replace(node.outputs[0], patch.node("Transpose", {result}, {{"perm", *perm}}));
}

/// A Split of a transpose, where only reshapes and transposes read the parts and can take up the transpose.
void sink_split(const View& view, const Node& node, ir::Patch& patch) {
    const Node* transpose = private_transpose(view, node.inputs[0]);
    const auto perm = transpose ? permutation(view, *transpose) : std::nullopt;
    if (!perm) return;
    for (const ValueId part : node.outputs)
        if (part == kNone || !view.single_use(part) || !is_view(&view.graph().node(view.readers(part)[0]))) return;
    const std::int64_t axis =
        base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(perm->size()));
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = transpose->inputs[0];
    auto attributes = node.attributes;
    attributes.insert_or_assign("axis", (*perm)[static_cast<std::size_t>(axis)]);
    const auto parts = patch.node_with_outputs(static_cast<int>(node.outputs.size()), "Split", std::move(inputs),
                                               std::move(attributes));
    for (std::size_t i = 0; i < parts.size(); ++i)
        patch.replace(node.outputs[i], patch.node("Transpose", {parts[i]}, {{"perm", *perm}}));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "Split") return sink_split(view, node, patch);
    if (node.outputs.size() != 1 || node.inputs.empty()) return;
    if (node.op == "Transpose") {
        merge(view, node, patch);
        if (patch.empty()) to_reshape(view, node, patch);
        return;
    }
    if (is_elementwise(node)) return sink_elementwise(view, node, patch);
    if (node.op == "Concat") return sink_concat(view, node, patch);
    if (node.op.starts_with("Reduce")) return sink_reduction(view, node, patch);
    if (node.op == "Pad") return sink_pad(view, node, patch);
    if (node.op == "MatMul" || node.op == "LayerNormalization" || node.op == "RMSNormalization")
        sink_along_last_axis(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass clean_transposes() {
    return {"clean-transposes",
            "merges and cancels transposes and moves them behind element-wise nodes, reductions and joins", propose};
}

}  // namespace fovea::pass
