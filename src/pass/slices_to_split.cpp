#include <algorithm>
#include <map>

#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Node;
using ir::ValueId;

struct Part {
    std::int64_t begin, end;
    ValueId result;
};

/// The interval along one axis that a Slice with constant bounds and step 1 takes; `axis` is set.
std::optional<Part> part_of(const View& view, const Node& slice, std::int64_t& axis) {
    const auto starts = view.integers(View::input(slice, 1)), ends = view.integers(View::input(slice, 2));
    const auto axes = view.integers(View::input(slice, 3)), steps = view.integers(View::input(slice, 4));
    const auto& dims = view.dims(slice.inputs[0]);
    if (!dims || !starts || !ends || !axes || axes->size() != 1) return std::nullopt;
    if (View::input(slice, 4) != ir::kNone && (!steps || (*steps)[0] != 1)) return std::nullopt;
    axis = base::normalize_axis((*axes)[0], static_cast<std::int64_t>(dims->size()));
    const ir::Dim& dim = (*dims)[static_cast<std::size_t>(axis)];
    if (!dim.known()) return std::nullopt;
    const auto bound = [&](std::int64_t at) {
        return std::clamp<std::int64_t>(at < 0 ? at + dim.value : at, 0, dim.value);
    };
    return Part{bound((*starts)[0]), bound((*ends)[0]), slice.outputs[0]};
}

/// Slices that cut a value into parts without gap or overlap are one Split.
void cut(const View& view, ValueId id, std::vector<ir::Patch>& patches) {
    if (view.readers(id).size() < 2) return;
    std::map<std::int64_t, std::vector<Part>> by_axis;
    for (const ir::NodeId reader : view.readers(id)) {
        const Node& node = view.graph().node(reader);
        std::int64_t axis = 0;
        if (node.op != "Slice" || node.inputs[0] != id) continue;
        if (const auto part = part_of(view, node, axis)) by_axis[axis].push_back(*part);
    }
    for (auto& [axis, parts] : by_axis) {
        std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.begin < b.begin; });
        std::int64_t at = 0;
        std::vector<std::int64_t> sizes;
        for (const Part& part : parts) {
            if (part.begin != at || part.end <= part.begin) break;
            sizes.push_back(part.end - part.begin);
            at = part.end;
        }
        if (parts.size() < 2 || sizes.size() != parts.size() ||
            at != (*view.dims(id))[static_cast<std::size_t>(axis)].value)
            continue;
        ir::Patch patch(view.graph());
        const auto outputs = patch.node_with_outputs(static_cast<int>(parts.size()), "Split",
                                                     {id, patch.constant(Tensor::vector(sizes))}, {{"axis", axis}});
        for (std::size_t i = 0; i < parts.size(); ++i) patch.replace(parts[i].result, outputs[i]);
        patches.push_back(std::move(patch));
        return;
    }
}

/// Sizes of a Split's parts, where they are known.
std::optional<std::vector<std::int64_t>> part_sizes(const View& view, const Node& split, std::int64_t axis) {
    std::vector<std::int64_t> sizes;
    for (const ValueId part : split.outputs) {
        const auto& dims = part == ir::kNone ? std::optional<ir::Dims>() : view.dims(part);
        if (!dims || !(*dims)[static_cast<std::size_t>(axis)].known()) return std::nullopt;
        sizes.push_back((*dims)[static_cast<std::size_t>(axis)].value);
    }
    return sizes;
}

/// A part that only another Split along the same axis reads is cut at once.
void join(const View& view, const Node& inner, std::vector<ir::Patch>& patches) {
    const Node* outer = view.producer(inner.inputs[0]);
    const auto rank = view.rank(inner.inputs[0]);
    if (!outer || outer->op != "Split" || !rank || !view.single_use(inner.inputs[0])) return;
    const std::int64_t axis = base::normalize_axis(inner.get<std::int64_t>("axis", 0), *rank);
    if (base::normalize_axis(outer->get<std::int64_t>("axis", 0), *rank) != axis) return;
    const auto whole = part_sizes(view, *outer, axis), parts = part_sizes(view, inner, axis);
    if (!whole || !parts) return;
    std::vector<std::int64_t> sizes;
    std::vector<ValueId> results;
    for (std::size_t i = 0; i < outer->outputs.size(); ++i) {
        const bool cut_here = outer->outputs[i] == inner.inputs[0];
        sizes.insert(sizes.end(), cut_here ? parts->begin() : whole->begin() + static_cast<std::ptrdiff_t>(i),
                     cut_here ? parts->end() : whole->begin() + static_cast<std::ptrdiff_t>(i) + 1);
        if (cut_here)
            results.insert(results.end(), inner.outputs.begin(), inner.outputs.end());
        else
            results.push_back(outer->outputs[i]);
    }
    ir::Patch patch(view.graph());
    const auto outputs =
        patch.node_with_outputs(static_cast<int>(sizes.size()), "Split",
                                {outer->inputs[0], patch.constant(Tensor::vector(sizes))}, {{"axis", axis}});
    for (std::size_t i = 0; i < results.size(); ++i) patch.replace(results[i], outputs[i]);
    patches.push_back(std::move(patch));
}

std::vector<ir::Patch> propose(const View& view) {
    std::vector<ir::Patch> patches;
    for (ValueId id = 0; id < view.graph().value_count(); ++id) cut(view, id, patches);
    for (const ir::NodeId id : view.order())
        if (view.graph().node(id).op == "Split") join(view, view.graph().node(id), patches);
    return patches;
}

}  // namespace

Pass slices_to_split() {
    return {"slices-to-split", "writes slices that partition a tensor, and splits of splits, as one Split", propose};
}

}  // namespace fovea::pass
