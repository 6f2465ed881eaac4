#include "backend/conv_region.hpp"

#include <algorithm>

namespace fovea::backend {

bool read_pad(const ops::ValueTable& values, const ir::Node& node, ConvPrologue& prologue) {
    if (node.op != "Pad" || node.inputs.size() < 2 || node.inputs[1] == ir::kNone) return false;
    const std::string mode = node.get<std::string>("mode", "constant");
    if (mode != "reflect" && mode != "edge") return false;
    if (node.inputs.size() > 3 && node.inputs[3] != ir::kNone) return false;
    const Tensor& pads = values[static_cast<std::size_t>(node.inputs[1])].constant;
    if (!pads || pads.size() != 8) return false;
    const auto p = pads.to_int64();
    if (p[0] || p[1] || p[4] || p[5] || std::any_of(p.begin(), p.end(), [](std::int64_t n) { return n < 0 || n > 64; }))
        return false;
    prologue.pad = mode == "reflect" ? ConvPrologue::Pad::reflect : ConvPrologue::Pad::edge;
    prologue.pads_begin = {p[2], p[3]};
    prologue.pads_end = {p[6], p[7]};
    return true;
}

std::optional<std::int64_t> nearest_factor(const ops::ValueTable& values, const ir::Node& node) {
    if (node.op != "Resize" || node.get<std::string>("mode", "nearest") != "nearest" ||
        node.attributes.contains("axes"))
        return std::nullopt;
    const std::string transformation = node.get<std::string>("coordinate_transformation_mode", "half_pixel");
    const std::string nearest = node.get<std::string>("nearest_mode", "round_prefer_floor");
    const bool floor = transformation == "asymmetric" && nearest == "floor";
    const bool round = transformation == "half_pixel" && nearest.starts_with("round");
    if (!floor && !round) return std::nullopt;
    // Only factors that the node states: sizes given as numbers may round differently at other shapes.
    if (node.inputs.size() < 3 || node.inputs[2] == ir::kNone) return std::nullopt;
    const Tensor& scales = values[static_cast<std::size_t>(node.inputs[2])].constant;
    if (!scales || scales.size() != 4) return std::nullopt;
    const auto s = scales.to_float();
    const auto factor = static_cast<std::int64_t>(s[2]);
    if (s[0] != 1 || s[1] != 1 || s[2] != s[3] || s[2] != static_cast<float>(factor) || factor < 1 || factor > 8)
        return std::nullopt;
    return factor;
}

ConvRegion read_conv(const RegionContext& context) {
    ConvRegion result;
    std::size_t at = 0;
    while (context.node(at).op != "Conv") ++at;
    result.conv = &context.node(at);
    result.prologue = match_prologue(context.graph, context.values, result.conv->inputs[0], [&](ir::ValueId id) {
        const ir::NodeId producer = context.graph.value(id).producer;
        const auto& nodes = context.region.nodes;
        return std::find(nodes.begin(), nodes.end(), producer) != nodes.end() ? producer : ir::kNone;
    });
    result.epilogue = read_epilogue(context, result.conv->outputs[0], at + 1);
    result.input = context.shape(result.conv->inputs[0]);
    const Shape& w = context.constant(result.conv->inputs[1])->shape();
    const ops::NodeView view(*result.conv);
    result.group = view.integer("group", 1);
    result.window =
        ops::sliding_window(view, {w.begin() + 2, w.end()}, Shape(result.input.begin() + 2, result.input.end()));
    return result;
}

bool pads_in_one_place(const ConvRegion& region) {
    const auto none = [](const std::vector<std::int64_t>& pads) {
        return std::all_of(pads.begin(), pads.end(), [](std::int64_t n) { return n == 0; });
    };
    return region.prologue.pad == ConvPrologue::Pad::zero ||
           (none(region.window.pads_begin) && none(region.window.pads_end));
}

std::vector<float> bias_of(const RegionContext& context, const ConvRegion& region) {
    if (region.conv->inputs.size() < 3 || region.conv->inputs[2] == ir::kNone) return {};
    return context.constant(region.conv->inputs[2])->to_float();
}

}  // namespace fovea::backend
