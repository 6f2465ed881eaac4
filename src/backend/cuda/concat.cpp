#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"

namespace fovea::backend::cuda {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Concat") return refuse(Reason::unsupported_operator);
    for (const ir::ValueId input : node.inputs)
        if (!context.shape(input)) return refuse(Reason::shape_depends_on_data);
    const auto shape = context.shape(node.outputs[0]);
    if (shape->size() > kMostMoveAxes || base::element_count(*shape) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    return make_region(context, "concat", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "copy:plain", Layout::plain)};
    if (has_channels(context, context.region.outputs[0]))
        result.push_back(uniform_tactic(context, "copy:channels_last", Layout::channels_last));
    for (Tactic& tactic : result) tactic.reads_slices = tactic.writes_slices = true;
    return result;
}

/// One launch for all parts; parts that were written in place need none.
std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc to = context.output_desc(0, tactic);
    const Shape strides = to.strides();
    const auto axis = static_cast<std::size_t>(
        base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(strides.size())));
    std::vector<Move> moves;
    std::int64_t place = 0;
    for (const ir::ValueId part : node.inputs) {
        const std::size_t input = context.input_index(part);
        const TensorDesc from = context.input_desc(input, tactic);
        Move move = Move::between(from, to);
        move.input = input;
        move.target_offset = place * strides[axis];
        moves.push_back(in_region(context, std::move(move)));
        place += from.shape[axis];
    }
    return make_moves(target, to.dtype, std::move(moves), constant_inputs(target, context));
}

}  // namespace

CudaFamily concat_kernels() { return {"concat", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
