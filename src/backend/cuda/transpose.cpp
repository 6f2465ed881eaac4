#include "backend/transpose.hpp"

#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"

namespace fovea::backend::cuda {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    auto found = match_transpose(context, root);
    if (!std::holds_alternative<Region>(found)) return found;
    const auto shape = context.shape(context.graph.node(root).inputs[0]);
    if (shape->size() > kMostMoveAxes || base::element_count(*shape) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    return found;
}

/// Layouts in which nothing moves, and copies between the others: a copy may change the layout on the way.
std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result = transpose_aliases(context);
    const std::size_t aliases = result.size();
    std::vector<Layout> in = {Layout::plain}, out = {Layout::plain};
    if (has_channels(context, context.node(0).inputs[0])) in.push_back(Layout::channels_last);
    if (has_channels(context, context.region.outputs[0])) out.push_back(Layout::channels_last);
    for (const Layout i : in)
        for (const Layout o : out) {
            if (std::any_of(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(aliases),
                            [&](const Tactic& alias) { return alias.inputs[0] == i && alias.outputs[0] == o; }))
                continue;
            result.push_back({"copy:" + std::string(to_string(i)) + "-" + std::string(to_string(o)), {i}, {o}});
            result.back().reads_slices = result.back().writes_slices = true;
        }
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    if (tactic.alias) return make_alias();
    const TensorDesc from = context.input_desc(0, tactic), to = context.output_desc(0, tactic);
    const auto order = transpose_order(context.node(0), from.shape.size());
    const Shape source = from.strides(), result = to.strides();
    Move move;
    for (std::size_t i = 0; i < order.size(); ++i)
        move.axes.push_back({from.shape[order[i]], source[order[i]], result[i]});
    return make_moves(target, from.dtype, {in_region(context, std::move(move))}, constant_inputs(target, context));
}

}  // namespace

CudaFamily transpose_kernels() { return {"transpose", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
