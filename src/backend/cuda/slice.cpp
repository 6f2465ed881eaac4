#include "backend/slice.hpp"

#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"

namespace fovea::backend::cuda {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    auto found = match_slice(context, root);
    if (!std::holds_alternative<Region>(found)) return found;
    const auto shape = context.shape(context.graph.node(root).inputs[0]);
    if (shape->size() > kMostMoveAxes || base::element_count(*shape) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    return found;
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result = slice_tactics(context);
    for (Tactic& tactic : result) tactic.reads_slices = tactic.writes_slices = true;
    return result;
}

/// One launch for all parts of a split; parts that are read in place need none.
std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const std::size_t input = context.input_index(context.node(0).inputs[0]);
    const TensorDesc from = context.input_desc(input, tactic);
    const Shape source = from.strides();
    std::vector<Move> moves;
    for (std::size_t output = 0; output < context.region.outputs.size(); ++output) {
        const TensorDesc to = context.output_desc(output, tactic);
        const Shape result = to.strides();
        const SlicePlaces places = slice_places(context, context.region.outputs[output]);
        Move move;
        move.input = input;
        move.output = output;
        for (std::size_t i = 0; i < source.size(); ++i) {
            move.source_offset += places.start[i] * source[i];
            move.axes.push_back({to.shape[i], to.shape[i] > 1 ? places.step[i] * source[i] : source[i], result[i]});
        }
        moves.push_back(in_region(context, std::move(move)));
    }
    return make_moves(target, from.dtype, std::move(moves), constant_inputs(target, context));
}

}  // namespace

CudaFamily slice_kernels() { return {"slice", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
