#pragma once

#include <optional>
#include <vector>

#include "backend/epilogue.hpp"
#include "ops/window.hpp"

namespace fovea::backend {

/// How a convolution reads its input: the channel-wise concatenation of one or two tensors, each repeated `upsample`
/// times along both spatial axes, then padded.
struct ConvPrologue {
    enum class Pad : std::uint8_t { zero, reflect, edge };
    struct Source {
        ir::ValueId value = ir::kNone;
        std::int64_t upsample = 1;
    };
    std::vector<Source> sources;
    Pad pad = Pad::zero;
    std::vector<std::int64_t> pads_begin, pads_end;  ///< by spatial axis, of the Pad node; zero when there is none
    std::vector<ir::NodeId> nodes;                   ///< producers before consumers

    [[nodiscard]] bool trivial() const { return nodes.empty(); }
};

/// Padding, concatenation and nearest-neighbour upsampling in front of the input `value` of a two-dimensional
/// convolution. `fused(value)` gives the node that produces `value` when it may join the region, else `kNone`.
template <class Fused>
ConvPrologue match_prologue(const ir::Graph& graph, const ops::ValueTable& values, ir::ValueId value,
                            const Fused& fused);

/// A convolution region decoded: prologue, convolution, epilogue.
struct ConvRegion {
    ConvPrologue prologue;
    const ir::Node* conv = nullptr;
    Epilogue epilogue;
    ops::SlidingWindow window;  ///< pads of the convolution itself, the prologue's not counted
    Shape input;                ///< of the convolution, behind the prologue
    std::int64_t group = 1;
};
ConvRegion read_conv(const RegionContext& context);

/// Whether the padding is all in the prologue or all in the convolution: own kernels read through one index table.
bool pads_in_one_place(const ConvRegion& region);

/// The convolution's bias; empty when it has none.
std::vector<float> bias_of(const RegionContext& context, const ConvRegion& region);

// ---- implementation

/// Reads one node of a prologue into `prologue`; false when it is of no kind that a prologue can hold.
bool read_pad(const ops::ValueTable& values, const ir::Node& node, ConvPrologue& prologue);
std::optional<std::int64_t> nearest_factor(const ops::ValueTable& values, const ir::Node& node);

template <class Fused>
ConvPrologue match_prologue(const ir::Graph& graph, const ops::ValueTable& values, ir::ValueId value,
                            const Fused& fused) {
    ConvPrologue prologue;
    prologue.pads_begin = prologue.pads_end = {0, 0};
    std::vector<ir::NodeId> nodes;  // consumers before producers
    ir::NodeId id = fused(value);
    if (id != ir::kNone && read_pad(values, graph.node(id), prologue)) {
        nodes.push_back(id);
        value = graph.node(id).inputs[0];
        id = fused(value);
    }
    std::vector<ir::ValueId> parts = {value};
    if (id != ir::kNone && graph.node(id).op == "Concat" && graph.node(id).inputs.size() == 2 &&
        graph.node(id).inputs[0] != graph.node(id).inputs[1] &&
        graph.node(id).template get<std::int64_t>("axis", 0) == 1) {
        nodes.push_back(id);
        parts = graph.node(id).inputs;
    }
    for (const ir::ValueId part : parts) {
        ConvPrologue::Source source{part, 1};
        if (const ir::NodeId up = fused(part); up != ir::kNone)
            if (const auto factor = nearest_factor(values, graph.node(up))) {
                nodes.push_back(up);
                source = {graph.node(up).inputs[0], *factor};
            }
        prologue.sources.push_back(source);
    }
    prologue.nodes.assign(nodes.rbegin(), nodes.rend());
    return prologue;
}

}  // namespace fovea::backend
