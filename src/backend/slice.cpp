#include "backend/slice.hpp"

#include <numeric>

namespace fovea::backend {
namespace {

SlicePlaces split_places(const RegionContext& context, ir::ValueId output) {
    const ir::Node& node = context.node(0);
    const std::size_t rank = context.shape(node.inputs[0]).size();
    SlicePlaces places{Shape(rank, 0), Shape(rank, 1)};
    const auto axis = static_cast<std::size_t>(
        base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(rank)));
    for (const ir::ValueId part : node.outputs) {
        if (part == output) break;
        places.start[axis] += context.shape(part)[axis];
    }
    return places;
}

/// The step of each axis.
Shape steps_of(const RegionContext& context, std::size_t rank) {
    const ir::Node& node = context.node(0);
    Shape result(rank, 1);
    if (node.inputs.size() < 5 || node.inputs[4] == ir::kNone) return result;
    const auto steps = context.constant(node.inputs[4])->to_int64();
    std::vector<std::int64_t> axes(steps.size());
    std::iota(axes.begin(), axes.end(), 0);
    if (node.inputs[3] != ir::kNone) axes = context.constant(node.inputs[3])->to_int64();
    for (std::size_t i = 0; i < axes.size(); ++i)
        result[static_cast<std::size_t>(base::normalize_axis(axes[i], static_cast<std::int64_t>(rank)))] = steps[i];
    return result;
}

}  // namespace

std::variant<Region, Refusal> match_slice(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Slice" && node.op != "Split") return refuse(Reason::unsupported_operator);
    if (!context.shape(node.inputs[0])) return refuse(Reason::shape_depends_on_data);
    for (const ir::ValueId output : node.outputs)
        if (output == ir::kNone || !context.shape(output)) return refuse(Reason::shape_depends_on_data);
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (node.inputs[i] != ir::kNone && !context.graph.constant(node.inputs[i]))
            return refuse(Reason::shape_depends_on_data, "starts, ends or sizes computed at run time");
    Region region = make_region(context, "slice", {root});
    if (region.outputs.empty()) return refuse(Reason::unsupported_shape, "nothing reads the result");
    return region;
}

std::vector<Tactic> slice_tactics(const RegionContext& context) {
    const ir::Node& node = context.node(0);
    const auto rank = static_cast<std::int64_t>(context.shape(node.inputs[0]).size());
    const std::int64_t axis = node.op == "Split" ? base::normalize_axis(node.get<std::int64_t>("axis", 0), rank) : -1;
    const Tactic plain = uniform_tactic(context, "copy:plain", Layout::plain);
    if (axis == rank - 1 || !has_channels(context, node.inputs[0])) return {plain};
    const Tactic last = uniform_tactic(context, "copy:channels_last", Layout::channels_last);
    if (axis == 1 && rank > 3) return {last};
    return {plain, last};
}

SlicePlaces slice_places(const RegionContext& context, ir::ValueId output) {
    const ir::Node& node = context.node(0);
    if (node.op == "Split") return split_places(context, output);
    ops::ShapeContext shapes(node);
    for (const ir::ValueId input : node.inputs) {
        shapes.inputs.push_back(input == ir::kNone ? Shape() : context.shape(input));
        shapes.constants.push_back(input == ir::kNone || !context.constant(input) ? Tensor()
                                                                                  : *context.constant(input));
    }
    shapes.outputs = {context.shape(output)};
    const ops::Box need = ops::find("Slice")->required_input(shapes, 0, ops::Box::whole(shapes.outputs[0]));
    SlicePlaces places{need.start, steps_of(context, need.start.size())};
    for (std::size_t i = 0; i < places.start.size(); ++i)
        if (places.step[i] < 0) places.start[i] += need.size[i] - 1;
    return places;
}

}  // namespace fovea::backend
