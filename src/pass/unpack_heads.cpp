#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// One place along an axis, with the axis taken away.
struct Selection {
    ValueId source = kNone;
    std::int64_t axis = 0, index = 0;
};

/// Whether `y` is `x` without its axis `axis` of size 1; `kNone` for `y`: whether `x` has size 1 there.
bool drops_axis(const View& view, ValueId x, ValueId y, std::int64_t axis) {
    const auto& from = view.dims(x);
    if (y == kNone) return from && (*from)[static_cast<std::size_t>(axis)].value == 1;
    const auto& to = view.dims(y);
    if (!from || !to || from->size() != to->size() + 1) return false;
    for (std::size_t i = 0, k = 0; i < from->size(); ++i) {
        if (static_cast<std::int64_t>(i) == axis) {
            if ((*from)[i].value != 1) return false;
        } else if (!(*from)[i].same((*to)[k++]))
            return false;
    }
    return true;
}

std::optional<Selection> from_slice(const View& view, const Node& slice, ValueId result) {
    const auto starts = view.integers(slice.inputs[1]), ends = view.integers(slice.inputs[2]),
               axes = view.integers(View::input(slice, 3));
    const auto rank = view.rank(slice.inputs[0]);
    if (!starts || !ends || !axes || axes->size() != 1 || !rank || (*starts)[0] < 0) return std::nullopt;
    const std::int64_t axis = base::normalize_axis((*axes)[0], *rank);
    if (!drops_axis(view, slice.outputs[0], result, axis)) return std::nullopt;
    return Selection{slice.inputs[0], axis, (*starts)[0]};
}

std::optional<Selection> from_split(const View& view, const Node& split, ValueId part, ValueId result) {
    const auto rank = view.rank(split.inputs[0]);
    if (!rank) return std::nullopt;
    const std::int64_t axis = base::normalize_axis(split.get<std::int64_t>("axis", 0), *rank);
    std::int64_t index = 0;
    for (const ValueId output : split.outputs) {
        if (output == part) break;
        const auto& dims = output == kNone ? std::optional<ir::Dims>() : view.dims(output);
        if (!dims || !(*dims)[static_cast<std::size_t>(axis)].known()) return std::nullopt;
        index += (*dims)[static_cast<std::size_t>(axis)].value;
    }
    if (!drops_axis(view, part, result, axis)) return std::nullopt;
    return Selection{split.inputs[0], axis, index};
}

std::optional<Selection> selection(const View& view, const Node& node) {
    if (node.op == "Gather") {
        const Tensor* index = view.constant(node.inputs[1]);
        const auto rank = view.rank(node.inputs[0]);
        if (!index || index->rank() != 0 || !rank) return std::nullopt;
        const std::int64_t at = index->to_int64()[0];
        if (at < 0) return std::nullopt;
        return Selection{node.inputs[0], base::normalize_axis(node.get<std::int64_t>("axis", 0), *rank), at};
    }
    if (node.op == "Slice") return from_slice(view, node, kNone);
    if (node.op != "Reshape" && node.op != "Squeeze") return std::nullopt;
    const Node* part = view.producer(node.inputs[0]);
    if (!part) return std::nullopt;
    if (part->op == "Slice") return from_slice(view, *part, node.outputs[0]);
    if (part->op == "Split") return from_split(view, *part, node.inputs[0], node.outputs[0]);
    return std::nullopt;
}

/// [batch, length, parts · heads · size] reshaped to five axes, transposed, and one part selected: the part is a slice
/// of the last axis, which needs neither five axes nor the whole to be transposed.
void select(const View& view, const Node& node, ir::Patch& patch) {
    const auto chosen = selection(view, node);
    if (!chosen) return;
    const Node* transpose = view.producer(chosen->source, "Transpose");
    const auto perm = transpose ? permutation(view, *transpose) : std::nullopt;
    const Node* split = perm ? view.producer(transpose->inputs[0], "Reshape") : nullptr;
    if (!split) return;
    const auto &whole = view.dims(split->inputs[0]), &parts = view.dims(split->outputs[0]);
    if (!whole || !parts || whole->empty()) return;
    const std::int64_t axis = (*perm)[static_cast<std::size_t>(chosen->axis)];
    // The leading axes stay, the last one is taken apart with the selected axis outermost.
    if (static_cast<std::size_t>(axis) + 1 != whole->size() || parts->size() <= whole->size()) return;
    int open = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(axis); ++i) open += !(*whole)[i].same((*parts)[i]);
    if (open > 1) return;
    std::int64_t size = 1;
    for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < parts->size(); ++i) {
        if (!(*parts)[i].known()) return;
        size *= (*parts)[i].value;
    }
    if (!(*parts)[static_cast<std::size_t>(axis)].known() ||
        (*whole)[static_cast<std::size_t>(axis)].value != size * (*parts)[static_cast<std::size_t>(axis)].value)
        return;

    std::vector<std::int64_t> target(static_cast<std::size_t>(axis), 0);
    for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < parts->size(); ++i)
        target.push_back((*parts)[i].value);
    Permutation rest;
    for (const std::int64_t from : *perm)
        if (from != axis) rest.push_back(from > axis ? from - 1 : from);
    const ValueId slice = patch.node("Slice", {split->inputs[0], patch.constant(Tensor::vector({chosen->index * size})),
                                               patch.constant(Tensor::vector({(chosen->index + 1) * size})),
                                               patch.constant(Tensor::vector({axis}))});
    const ValueId shaped = patch.node("Reshape", {slice, patch.constant(Tensor::vector(target))});
    ValueId result = is_identity(rest) ? shaped : patch.node("Transpose", {shaped}, {{"perm", rest}});
    if (node.op == "Slice") {
        const auto kept = reshape_target(std::nullopt, view.dims(node.outputs[0]));
        if (!kept) {
            patch = ir::Patch(view.graph());
            return;
        }
        result = patch.node("Reshape", {result, patch.constant(Tensor::vector(*kept))});
    }
    patch.replace(node.outputs[0], result);
}

/// A Split of an axis that a reshape made of the outer part of another one: that axis is split instead.
void split_before_reshape(const View& view, const Node& node, ir::Patch& patch) {
    const Node* reshape = view.producer(node.inputs[0], "Reshape");
    if (!reshape || !view.single_use(node.inputs[0])) return;
    const auto &whole = view.dims(reshape->inputs[0]), &parts = view.dims(reshape->outputs[0]);
    if (!whole || !parts) return;
    const auto axis = static_cast<std::size_t>(
        base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(parts->size())));
    if (axis + 1 != whole->size() || parts->size() <= whole->size()) return;
    for (std::size_t i = 0; i < axis; ++i)
        if (!(*whole)[i].same((*parts)[i])) return;
    std::int64_t inner = 1;
    for (std::size_t i = axis + 1; i < parts->size(); ++i) {
        if (!(*parts)[i].known()) return;
        inner *= (*parts)[i].value;
    }
    std::vector<std::int64_t> sizes;
    std::vector<std::vector<std::int64_t>> targets;
    for (const ValueId output : node.outputs) {
        const auto& dims = output == kNone ? std::optional<ir::Dims>() : view.dims(output);
        const auto target = reshape_target(whole, dims);
        if (!target || !(*dims)[axis].known()) return;
        sizes.push_back((*dims)[axis].value * inner);
        targets.push_back(*target);
    }
    const auto outputs = patch.node_with_outputs(static_cast<int>(sizes.size()), "Split",
                                                 {reshape->inputs[0], patch.constant(Tensor::vector(sizes))},
                                                 {{"axis", static_cast<std::int64_t>(axis)}});
    for (std::size_t i = 0; i < outputs.size(); ++i)
        patch.replace(node.outputs[i], patch.node("Reshape", {outputs[i], patch.constant(Tensor::vector(targets[i]))}));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "Split")
        split_before_reshape(view, node, patch);
    else
        select(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass unpack_heads() {
    return {"unpack-heads",
            "takes query, key and value from a packed projection by slices instead of a transpose of all three",
            propose};
}

}  // namespace fovea::pass
