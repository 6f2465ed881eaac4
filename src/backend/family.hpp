#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "backend/backend.hpp"

namespace fovea::backend {

/// One kind of kernel: how to find its regions, and its implementations. A backend lists its families in the order in
/// which they choose nodes.
struct Family {
    std::string_view pattern;
    std::variant<Region, Refusal> (*match)(const MatchContext&, ir::NodeId root);
    std::vector<Tactic> (*tactics)(const RegionContext&);
    std::unique_ptr<Kernel> (*prepare)(const RegionContext&, const Tactic&);
};

[[noreturn]] void refuse_family(const std::string& pattern);

/// The one of a backend's families that found `region`; throws `corrupt_plan` when there is none.
template <class AnyFamily>
const AnyFamily& family_of(std::span<const AnyFamily> families, const Region& region) {
    for (const AnyFamily& family : families)
        if (family.pattern == region.pattern) return family;
    refuse_family(region.pattern);
}

/// Appends to `nodes` what follows the last of them: each node alone reads the result of the one before, keeps its
/// shape, and `takes(node, chain)` says that a region may go on with it, where `chain` is the result that it reads.
template <class Takes>
void follow_chain(const MatchContext& context, std::vector<ir::NodeId>& nodes, const Takes& takes) {
    ir::ValueId chain = context.graph.node(nodes.back()).outputs[0];
    const auto shape = context.shape(chain);
    while (context.fuse) {
        const ir::NodeId next = context.sole_consumer(chain);
        if (next == ir::kNone) return;
        const ir::Node& reader = context.graph.node(next);
        if (!takes(reader, chain) || context.shape(reader.outputs[0]) != shape) return;
        nodes.push_back(next);
        chain = reader.outputs[0];
    }
}

/// A tactic that reads every input and writes every output in `layout`; tensors of fewer than 3 dimensions and
/// constants stay plain.
Tactic uniform_tactic(const RegionContext& context, std::string name, Layout layout);

/// Whether `id` has a shape that channels_last can order (3 to 5 dimensions).
bool has_channels(const RegionContext& context, ir::ValueId id);

/// Whether own kernels take elements of this type and calculate with them in f32: f32, bf16 and f16.
bool own_float(DType type);

/// Refusal shorthand.
Refusal refuse(Reason reason, std::string detail = {});

}  // namespace fovea::backend
