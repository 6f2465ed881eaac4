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

/// Shapes that a constant operand takes on its way from behind a reshape to before it.
struct Moved {
    Shape expanded;  ///< of the rank behind the reshape
    Shape shape;     ///< of the rank before it
};

/// How a constant of shape `constant` that spreads over `y` has to look to spread over `x`, whose axes a reshape takes
/// apart to give `y`. Not set where the reshape does something else.
std::optional<Moved> before_reshape(Shape constant, const Shape& x, const Shape& y) {
    if (constant.size() > y.size()) return std::nullopt;
    constant.insert(constant.begin(), y.size() - constant.size(), 1);
    Moved moved;
    std::size_t k = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t first = k;
        std::int64_t product = 1;
        const auto spare = [&] { return y.size() - k > x.size() - i - 1; };
        while (spare() && k < y.size() && (product < x[i] || y[k] == 1)) product *= y[k++];
        if (product != x[i]) return std::nullopt;
        const bool same =
            std::all_of(constant.begin() + static_cast<std::ptrdiff_t>(first),
                        constant.begin() + static_cast<std::ptrdiff_t>(k), [](std::int64_t size) { return size == 1; });
        moved.shape.push_back(same ? 1 : product);
        for (std::size_t axis = first; axis < k; ++axis) moved.expanded.push_back(same ? 1 : y[axis]);
    }
    return k == y.size() ? std::optional(moved) : std::nullopt;
}

/// Whether a constant operand means the same on the shapes before and after the reshape: one element, or one per place
/// of a last axis that stays.
bool independent_of_shape(const Tensor& tensor, const ir::Dims& x, const ir::Dims& y) {
    if (tensor.size() == 1)
        return tensor.rank() <= static_cast<std::int64_t>(x.size()) &&
               tensor.rank() <= static_cast<std::int64_t>(y.size());
    return tensor.rank() == 1 && !x.empty() && !y.empty() && x.back().value == tensor.size() &&
           y.back().value == tensor.size();
}

/// The constant `id` as an operand of what stands before the reshape instead of behind it; `kNone` where there is no
/// such form. Only where a second reshape takes the first one back it may be repeated.
ValueId move_constant(const View& view, ir::Patch& patch, ValueId id, const Node& shaped, bool taken_back) {
    const Tensor& tensor = *view.constant(id);
    if (independent_of_shape(tensor, *view.dims(shaped.inputs[0]), *view.dims(shaped.outputs[0]))) return id;
    const auto x = view.shape(shaped.inputs[0]), y = view.shape(shaped.outputs[0]);
    const auto moved = x && y ? before_reshape(tensor.shape(), *x, *y) : std::nullopt;
    if (!moved) return kNone;
    if (base::element_count(moved->expanded) == tensor.size()) return patch.constant(tensor.reshaped(moved->shape));
    if (!taken_back) return kNone;
    const ValueId expanded = patch.node("Expand", {id, patch.constant(Tensor::vector(moved->expanded))});
    return patch.node("Reshape", {expanded, patch.constant(Tensor::vector(moved->shape))});
}

/// The reshape by a constant that `node` reads for nobody else beside constants, or nullptr.
const Node* private_reshape(const View& view, const Node& node) {
    const Node* shaped = nullptr;
    for (const ValueId id : node.inputs) {
        if (id == kNone || view.constant(id)) continue;
        const Node* source = view.producer(id, "Reshape");
        if (shaped || !source || !view.single_use(id) || !view.constant(source->inputs[1])) return nullptr;
        shaped = source;
    }
    return shaped && view.dims(shaped->inputs[0]) && view.dims(shaped->outputs[0]) ? shaped : nullptr;
}

/// What an element-wise node reads on the other side of the reshape `shaped`; `moved`, which it reads, stands for
/// `result` reshaped. Not set where it may not stand there.
std::optional<std::vector<ValueId>> inputs_before(const View& view, ir::Patch& patch, const Node& node,
                                                  const Node& shaped, ValueId moved, ValueId result) {
    const ops::Op* op = ops::find(node.op);
    if (!op || !op->elementwise || node.outputs.size() != 1 || node.attributes.contains("axis") ||
        !view.same_dims(shaped.outputs[0], node.outputs[0]))
        return std::nullopt;
    const Node* reader =
        view.single_use(node.outputs[0]) ? &view.graph().node(view.readers(node.outputs[0])[0]) : nullptr;
    const bool taken_back = reader && reader->op == "Reshape" && view.same_dims(reader->outputs[0], shaped.inputs[0]);
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) {
        if (id != kNone && !view.constant(id) && id != moved) return std::nullopt;
        inputs.push_back(id == moved ? result : id == kNone ? id : move_constant(view, patch, id, shaped, taken_back));
        if (id != kNone && inputs.back() == kNone) return std::nullopt;
    }
    return inputs;
}

/// Element-wise nodes behind a reshape move in front of it, next to what computes their input.
void sink(const View& view, const Node& node, ir::Patch& patch) {
    const Node* shaped = private_reshape(view, node);
    if (!shaped) return;
    ValueId moved = shaped->outputs[0], result = shaped->inputs[0];
    for (const Node* next = &node; next;) {
        auto inputs = inputs_before(view, patch, *next, *shaped, moved, result);
        if (!inputs) break;
        result = patch.copy(*next, std::move(*inputs));
        moved = next->outputs[0];
        next = view.single_use(moved) ? &view.graph().node(view.readers(moved)[0]) : nullptr;
    }
    if (moved != shaped->outputs[0])
        patch.replace(moved, patch.node("Reshape", {result, shaped->inputs[1]}, shaped->attributes));
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
