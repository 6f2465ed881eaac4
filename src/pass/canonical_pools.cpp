#include <algorithm>
#include <numeric>

#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Node;
using ir::ValueId;

/// ReduceMean and ReduceMax over all spatial axes are global pools.
void from_reduction(const View& view, const Node& node, ir::Patch& patch) {
    const auto rank = view.rank(node.inputs[0]);
    if (!rank || *rank < 3) return;
    const auto axes = reduced_axes(view, node);
    std::vector<std::int64_t> spatial(static_cast<std::size_t>(*rank - 2));
    std::iota(spatial.begin(), spatial.end(), 2);
    if (!axes || *axes != spatial || *rank != 4) return;
    const ValueId pool = patch.node(node.op == "ReduceMean" ? "GlobalAveragePool" : "GlobalMaxPool", {node.inputs[0]});
    if (node.get<std::int64_t>("keepdims", 1) != 0) return patch.replace(node.outputs[0], pool);
    const auto target = reshape_target(view.dims(node.inputs[0]), view.dims(node.outputs[0]));
    if (!target) {
        patch = ir::Patch(view.graph());
        return;
    }
    patch.replace(node.outputs[0], patch.node("Reshape", {pool, patch.constant(Tensor::vector(*target))}));
}

/// A pool whose window is the whole input.
void from_pool(const View& view, const Node& node, ir::Patch& patch) {
    const auto kernel = node.get("kernel_shape", std::vector<std::int64_t>());
    const auto pads = node.get("pads", std::vector<std::int64_t>());
    const auto& dims = view.dims(node.inputs[0]);
    if (!dims || dims->size() != kernel.size() + 2 || node.outputs.size() != 1 || node.attributes.contains("dilations"))
        return;
    if (std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p != 0; })) return;
    const std::string automatic = node.get<std::string>("auto_pad", "NOTSET");
    if (automatic != "NOTSET" && automatic != "VALID") return;
    for (std::size_t i = 0; i < kernel.size(); ++i)
        if ((*dims)[i + 2].value != kernel[i]) return;
    patch.replace(node.outputs[0],
                  patch.node(node.op == "AveragePool" ? "GlobalAveragePool" : "GlobalMaxPool", {node.inputs[0]}));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "ReduceMean" || node.op == "ReduceMax") from_reduction(view, node, patch);
    if (node.op == "AveragePool" || node.op == "MaxPool") from_pool(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass canonical_pools() {
    return {"canonical-pools", "writes means and maxima over all spatial axes as global pools", propose};
}

}  // namespace fovea::pass
