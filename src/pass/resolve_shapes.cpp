#include <algorithm>

#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Dim;
using ir::Dims;
using ir::kNone;
using ir::Node;
using ir::ValueId;

/// A Reshape to a computed target whose sizes are known, or stay in place, but for one.
void resolve_reshape(const View& view, const Node& node, ir::Patch& patch) {
    if (view.constant(node.inputs[1])) return;
    std::optional<Dims> target = view.dims(node.outputs[0]);
    const auto written = reshape_target(view.dims(node.inputs[0]), target);
    if (!written) return;
    const ValueId shape = patch.constant(Tensor::vector(*written));
    patch.replace(node.outputs[0], patch.node("Reshape", {node.inputs[0], shape}));
}

/// An Expand to a computed target: sizes that the input has already are written as 1.
void resolve_expand(const View& view, const Node& node, ir::Patch& patch) {
    const auto &x = view.dims(node.inputs[0]), &y = view.dims(node.outputs[0]);
    if (view.constant(node.inputs[1]) || !x || !y) return;
    const std::size_t lead = y->size() - x->size();
    std::vector<std::int64_t> target;
    for (std::size_t i = 0; i < y->size(); ++i) {
        const bool kept = i >= lead && (*x)[i - lead].same((*y)[i]);
        if (!kept && !(*y)[i].known()) return;
        target.push_back(kept ? 1 : (*y)[i].value);
    }
    patch.replace(node.outputs[0], patch.node("Expand", {node.inputs[0], patch.constant(Tensor::vector(target))}));
}

/// A Resize to computed sizes: only the axes whose sizes change are named, the others need no size.
void resolve_resize(const View& view, const Node& node, ir::Patch& patch) {
    const ValueId sizes = View::input(node, 3);
    if (sizes == kNone || view.constant(sizes) || node.attributes.contains("axes")) return;
    if (node.get<std::string>("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" ||
        node.get<std::string>("keep_aspect_ratio_policy", "stretch") != "stretch")
        return;
    const auto &x = view.dims(node.inputs[0]), &y = view.dims(node.outputs[0]);
    if (!x || !y || x->size() != y->size()) return;
    std::vector<std::int64_t> axes, numbers;
    for (std::size_t i = 0; i < y->size(); ++i) {
        if ((*x)[i].same((*y)[i])) continue;
        if (!(*y)[i].known()) return;
        axes.push_back(static_cast<std::int64_t>(i));
        numbers.push_back((*y)[i].value);
    }
    if (axes.empty()) return;
    auto attributes = node.attributes;
    attributes.insert_or_assign("axes", axes);
    patch.replace(node.outputs[0],
                  patch.node("Resize", {node.inputs[0], kNone, kNone, patch.constant(Tensor::vector(numbers))},
                             std::move(attributes)));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "Reshape") resolve_reshape(view, node, patch);
    if (node.op == "Expand") resolve_expand(view, node, patch);
    if (node.op == "Resize") resolve_resize(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass resolve_shapes() {
    return {"resolve-shapes", "writes computed shapes as constants where only sizes that stay are unknown", propose};
}

}  // namespace fovea::pass
