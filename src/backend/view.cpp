#include "backend/view.hpp"

#include <algorithm>
#include <array>

namespace fovea::backend {
namespace {

/// Operators whose output holds the input's elements in the same row-major order.
constexpr std::array<std::string_view, 6> kReshapes = {"Reshape",   "Flatten",  "Squeeze",
                                                       "Unsqueeze", "Identity", "Dropout"};

/// Whether `from` (N, C, spatial…) and `to` (N, C, spatial…) are the same in channels_last order.
bool same_in_channels_last(const Shape& from, const Shape& to) {
    return from.size() >= 3 && to.size() >= 3 && from[0] == to[0] && from[1] == to[1];
}

}  // namespace

std::variant<Region, Refusal> match_view(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (std::find(kReshapes.begin(), kReshapes.end(), node.op) == kReshapes.end())
        return refuse(Reason::unsupported_operator);
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
        if (node.outputs[i] != ir::kNone) return refuse(Reason::unsupported_shape, "more than one output");
    return make_region(context, "view", {root});
}

std::vector<Tactic> view_tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "alias", Layout::plain)};
    result[0].alias = true;
    const ir::ValueId input = context.node(0).inputs[0], output = context.region.outputs[0];
    if (has_channels(context, input) && has_channels(context, output) &&
        same_in_channels_last(context.shape(input), context.shape(output))) {
        result.push_back(uniform_tactic(context, "alias:channels_last", Layout::channels_last));
        result.back().alias = true;
    }
    return result;
}

}  // namespace fovea::backend
