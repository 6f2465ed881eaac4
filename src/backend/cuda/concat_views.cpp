#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"
#include "fovea/error.hpp"

// Concatenations of tensors that are reshaped before: heads of detectors, whose maps of different sizes become one
// list. What the convolutions wrote with channels last is turned and put in its place by one launch.
namespace fovea::backend::cuda {
namespace {

/// Whether `reshape` takes channels and pixels of an image as fewer, longer rows: [N, C, ...] to [N, A, C / A ·
/// pixels].
bool joins_pixels(const MatchContext& context, const ir::Node& reshape) {
    if (reshape.op != "Reshape") return false;
    const auto from = context.shape(reshape.inputs[0]), to = context.shape(reshape.outputs[0]);
    return from && to && from->size() >= 3 && from->size() <= 5 && to->size() == 3 && (*from)[0] == (*to)[0] &&
           (*to)[1] > 0 && (*from)[1] % (*to)[1] == 0 && !context.graph.constant(reshape.inputs[0]);
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Concat" || !context.fuse) return refuse(Reason::unsupported_operator);
    const auto shape = context.shape(node.outputs[0]);
    if (!shape || shape->size() != 3 || base::normalize_axis(node.get<std::int64_t>("axis", 0), 3) != 2 ||
        base::element_count(*shape) > kMostMoved)
        return refuse(Reason::unsupported_operator);
    std::vector<ir::NodeId> nodes;
    for (const ir::ValueId input : node.inputs) {
        const ir::NodeId reshape = context.sole_producer(input);
        if (reshape == ir::kNone || !joins_pixels(context, context.graph.node(reshape)))
            return refuse(Reason::unsupported_operator);
        nodes.push_back(reshape);
    }
    nodes.push_back(root);
    return make_region(context, "concat_views", std::move(nodes));
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "copy:plain", Layout::plain)};
    result.push_back(uniform_tactic(context, "copy:channels_last", Layout::channels_last));
    result.back().outputs[0] = Layout::plain;
    for (Tactic& tactic : result) tactic.reads_slices = tactic.writes_slices = true;
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const TensorDesc to = context.output_desc(0, tactic);
    const Shape strides = to.strides();
    std::vector<Move> moves;
    std::int64_t place = 0;
    for (std::size_t i = 0; i + 1 < context.region.nodes.size(); ++i) {
        const ir::Node& reshape = context.node(i);
        Move move;
        move.input = context.input_index(reshape.inputs[0]);
        const TensorDesc from = context.input_desc(move.input, tactic);
        const Shape source = from.strides(), view = context.shape(reshape.outputs[0]);
        const std::int64_t channels = from.shape[1] / view[1];
        if (from.shape[1] % view[1] != 0) throw Error(ErrorCode::unsupported, "rows that are no whole channels");
        move.axes = {{view[0], source[0], strides[0]}, {view[1], channels * source[1], strides[1]}};
        std::int64_t step = strides[2];
        for (std::size_t axis = from.shape.size(); --axis > 1; step *= from.shape[axis])
            move.axes.push_back({from.shape[axis], source[axis], step});
        move.axes.push_back({channels, source[1], step});
        move.target_offset = place * strides[2];
        place += view[2];
        moves.push_back(in_region(context, std::move(move)));
    }
    return make_moves(target, to.dtype, std::move(moves));
}

}  // namespace

CudaFamily concat_views_kernels() { return {"concat_views", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
