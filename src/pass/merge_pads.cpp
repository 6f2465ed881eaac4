#include <algorithm>
#include <limits>

#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// A constant Pad of the spatial axes only.
struct SpatialPad {
    ValueId input = kNone;
    double value = 0;
    std::vector<std::int64_t> begin, end;
};

std::optional<SpatialPad> spatial_pad(const View& view, ValueId id) {
    const Node* node = view.producer(id, "Pad");
    if (!node || node->get<std::string>("mode", "constant") != "constant" || View::input(*node, 3) != kNone)
        return std::nullopt;
    const auto pads = view.integers(View::input(*node, 1));
    const auto rank = view.rank(node->inputs[0]);
    if (!pads || !rank || *rank < 3 || static_cast<std::int64_t>(pads->size()) != 2 * *rank) return std::nullopt;
    SpatialPad pad{.input = node->inputs[0]};
    if (View::input(*node, 2) != kNone) {
        const auto value = view.scalar(node->inputs[2]);
        if (!value) return std::nullopt;
        pad.value = *value;
    }
    const auto n = static_cast<std::size_t>(*rank);
    for (std::size_t i = 0; i < n; ++i) {
        if (i < 2 && ((*pads)[i] != 0 || (*pads)[n + i] != 0)) return std::nullopt;
        if ((*pads)[i] < 0 || (*pads)[n + i] < 0) return std::nullopt;
        if (i >= 2) pad.begin.push_back((*pads)[i]), pad.end.push_back((*pads)[n + i]);
    }
    return pad;
}

/// Whether `node` may take over the pad, and with which further attribute.
bool takes(const View& view, const Node& node, const SpatialPad& pad, bool padded_before, ir::Node& result) {
    if (node.op == "Conv") return pad.value == 0;
    if (node.op == "AveragePool") {
        // The zeros were counted; the operator's own padding is counted only on request.
        const bool counts = node.get<std::int64_t>("count_include_pad", 0) != 0;
        if (pad.value != 0 || node.get<std::int64_t>("ceil_mode", 0) != 0 || (padded_before && !counts)) return false;
        result.attributes.insert_or_assign("count_include_pad", std::int64_t{1});
        return true;
    }
    if (node.op != "MaxPool" || node.outputs.size() != 1) return false;
    const auto kernel = node.get("kernel_shape", std::vector<std::int64_t>());
    for (std::size_t i = 0; i < kernel.size() && i < pad.begin.size(); ++i)
        if (pad.begin[i] >= kernel[i] || pad.end[i] >= kernel[i]) return false;
    // Without negative numbers a zero never exceeds the largest element of a window.
    return pad.value <= -std::numeric_limits<float>::max() || (pad.value == 0 && view.producer(pad.input, "Relu"));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Conv" && node.op != "AveragePool" && node.op != "MaxPool") return;
    const auto pad = spatial_pad(view, node.inputs[0]);
    const std::string automatic = node.get<std::string>("auto_pad", "NOTSET");
    if (!pad || (automatic != "NOTSET" && automatic != "VALID")) return;
    const std::size_t spatial = pad->begin.size();
    auto pads = node.get("pads", std::vector<std::int64_t>(2 * spatial, 0));
    if (pads.size() != 2 * spatial) return;
    if (automatic == "VALID") std::fill(pads.begin(), pads.end(), 0);
    const bool padded_before = std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p != 0; });
    ir::Node result = node;
    if (!takes(view, node, *pad, padded_before, result)) return;
    for (std::size_t i = 0; i < spatial; ++i) {
        pads[i] += pad->begin[i];
        pads[spatial + i] += pad->end[i];
    }
    result.attributes.erase("auto_pad");
    result.attributes.insert_or_assign("pads", pads);
    result.inputs[0] = pad->input;
    patch.replace(node.outputs[0], patch.node(node.op, std::move(result.inputs), std::move(result.attributes)));
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass merge_pads() { return {"merge-pads", "lets convolutions and pools do the constant padding before them", propose}; }

}  // namespace fovea::pass
