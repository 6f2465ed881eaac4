#pragma once

#include <string_view>
#include <vector>

#include "ir/patch.hpp"
#include "pass/view.hpp"

namespace fovea::pass {

/// One rewrite. It reads the graph and proposes patches; only the engine applies them.
struct Pass {
    std::string_view name;     ///< as `--disable` takes it, e.g. "batch-norm"
    std::string_view summary;  ///< what it does, in one sentence
    /// Patches that are each right by themselves. They may overlap: the engine skips those that an earlier one made
    /// impossible, and asks again until nothing is proposed.
    std::vector<ir::Patch> (*propose)(const View&);
};

/// Asks `rewrite(view, node, patch)` at every node, producers first, and collects the patches that were filled.
template <class Rewrite>
std::vector<ir::Patch> at_each_node(const View& view, const Rewrite& rewrite) {
    std::vector<ir::Patch> patches;
    ir::Patch patch(view.graph());
    for (const ir::NodeId id : view.order()) {
        rewrite(view, view.graph().node(id), patch);
        if (patch.empty()) continue;
        patches.push_back(std::move(patch));
        patch = ir::Patch(view.graph());
    }
    return patches;
}

}  // namespace fovea::pass
