#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"

namespace fovea::backend::cuda {
namespace {

/// Operators whose every result shows one place of the input at a fixed step: the move that each comes to.
struct Tensors {
    const ir::Node& node;
    const TensorDesc &from, &to;
    const Shape source, target;  ///< strides
};

std::vector<Move::Axis> expand(const Tensors& t) {
    const Shape source = t.from.broadcast_strides(t.to.shape);
    std::vector<Move::Axis> axes;
    for (std::size_t i = 0; i < source.size(); ++i) axes.push_back({t.to.shape[i], source[i], t.target[i]});
    return axes;
}

std::vector<Move::Axis> tile(const Tensors& t) {
    std::vector<Move::Axis> axes;
    for (std::size_t i = 0; i < t.source.size(); ++i) {
        const std::int64_t extent = t.from.shape[i];
        axes.push_back({extent == 0 ? 0 : t.to.shape[i] / extent, 0, extent * t.target[i]});
        axes.push_back({extent, t.source[i], t.target[i]});
    }
    return axes;
}

/// A block's rows and columns lie in the channels of `deep` and in the pixels of `wide`.
std::vector<Move::Axis> shuffle(const Tensors& t, bool to_space) {
    const std::int64_t block = t.node.get<std::int64_t>("blocksize", 1);
    const TensorDesc &deep = to_space ? t.from : t.to, &wide = to_space ? t.to : t.from;
    const Shape &deep_strides = to_space ? t.source : t.target, &wide_strides = to_space ? t.target : t.source;
    const std::int64_t channels = wide.shape[1];
    // The block stands before the channels, or behind them.
    const bool first = t.node.get<std::string>("mode", "DCR") == "DCR";
    const std::int64_t place = (first ? channels : 1) * deep_strides[1],
                       channel = (first ? 1 : block * block) * deep_strides[1];
    const auto axis = [&](std::int64_t extent, std::int64_t in_deep, std::int64_t in_wide) {
        return to_space ? Move::Axis{extent, in_deep, in_wide} : Move::Axis{extent, in_wide, in_deep};
    };
    return {axis(deep.shape[0], deep_strides[0], wide_strides[0]),         axis(channels, channel, wide_strides[1]),
            axis(deep.shape[2], deep_strides[2], block * wide_strides[2]), axis(block, block * place, wide_strides[2]),
            axis(deep.shape[3], deep_strides[3], block * wide_strides[3]), axis(block, place, wide_strides[3])};
}

std::vector<Move::Axis> axes_of(const ir::Node& node, const TensorDesc& from, const TensorDesc& to) {
    const Tensors tensors{node, from, to, from.strides(), to.strides()};
    if (node.op == "Expand") return expand(tensors);
    if (node.op == "Tile") return tile(tensors);
    return shuffle(tensors, node.op == "DepthToSpace");
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Expand" && node.op != "Tile" && node.op != "DepthToSpace" && node.op != "SpaceToDepth")
        return refuse(Reason::unsupported_operator);
    const auto from = context.shape(node.inputs[0]), to = context.shape(node.outputs[0]);
    if (!from || !to) return refuse(Reason::shape_depends_on_data);
    const std::size_t axes = node.op == "Tile" ? 2 * from->size() : to->size();
    if (axes > kMostMoveAxes || base::element_count(*to) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    return make_region(context, "rearrange", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "copy:plain", Layout::plain)};
    if (has_channels(context, context.node(0).inputs[0]) && has_channels(context, context.region.outputs[0]))
        result.push_back(uniform_tactic(context, "copy:channels_last", Layout::channels_last));
    for (Tactic& tactic : result) tactic.reads_slices = tactic.writes_slices = true;
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    Move move;
    move.input = context.input_index(node.inputs[0]);
    const TensorDesc from = context.input_desc(move.input, tactic), to = context.output_desc(0, tactic);
    move.axes = axes_of(node, from, to);
    return make_moves(target, to.dtype, {in_region(context, std::move(move))}, constant_inputs(target, context));
}

}  // namespace

CudaFamily rearrange_kernels() { return {"rearrange", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
