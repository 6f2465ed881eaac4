#include "backend/transpose.hpp"

#include <numeric>

namespace fovea::backend {
namespace {

/// Whether walking the output's memory visits the input's memory in order (axes of size 1 do not matter).
bool same_memory(const RegionContext& context, Layout in, Layout out) {
    const Shape shape = context.shape(context.node(0).inputs[0]);
    const auto order = transpose_order(context.node(0), shape.size());
    std::vector<std::size_t> walked, stored;
    for (const std::size_t axis : memory_axes(shape.size(), out))
        if (shape[order[axis]] != 1) walked.push_back(order[axis]);
    for (const std::size_t axis : memory_axes(shape.size(), in))
        if (shape[axis] != 1) stored.push_back(axis);
    return walked == stored;
}

}  // namespace

std::variant<Region, Refusal> match_transpose(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Transpose") return refuse(Reason::unsupported_operator);
    if (!context.shape(node.inputs[0])) return refuse(Reason::shape_depends_on_data);
    return make_region(context, "transpose", {root});
}

std::vector<std::size_t> transpose_order(const ir::Node& node, std::size_t rank) {
    std::vector<std::int64_t> order(rank);
    std::iota(order.rbegin(), order.rend(), 0);
    order = node.get("perm", std::move(order));
    std::vector<std::size_t> result;
    for (const std::int64_t axis : order)
        result.push_back(static_cast<std::size_t>(base::normalize_axis(axis, static_cast<std::int64_t>(rank))));
    return result;
}

std::vector<Tactic> transpose_aliases(const RegionContext& context) {
    std::vector<Tactic> result;
    std::vector<Layout> in = {Layout::plain}, out = {Layout::plain};
    if (has_channels(context, context.node(0).inputs[0])) in.push_back(Layout::channels_last);
    if (has_channels(context, context.region.outputs[0])) out.push_back(Layout::channels_last);
    for (const Layout i : in)
        for (const Layout o : out)
            if (same_memory(context, i, o))
                result.push_back(
                    {"alias:" + std::string(to_string(i)) + "-" + std::string(to_string(o)), {i}, {o}, true});
    return result;
}

}  // namespace fovea::backend
