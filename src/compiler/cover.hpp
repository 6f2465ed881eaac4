#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/backend.hpp"

namespace fovea::compiler {

/// A graph cut into the regions of one backend, in execution order.
struct Covering {
    std::vector<backend::Region> regions;
    /// Why the specialised matchers left a node alone that the reference kernels run now.
    std::map<ir::NodeId, backend::Refusal> refusals;
};

/// Offers every node to the backend's matchers, in the matchers' order and from the end of the graph to its start, so
/// that the later of two producers takes a shared addition. Every node is covered exactly once; without `fuse`, by a
/// region of its own.
Covering cover(const ir::Graph& graph, const ops::ValueTable& values, const backend::Backend& backend, bool fuse);

/// As `cover`. On a device, `values` that depend on data get the largest size that they may have, where its kernels
/// find them (see `ops::bound_counts`).
Covering cover_counted(const ir::Graph& graph, ops::ValueTable& values, const backend::Backend& backend, bool fuse);

/// A refusal as reports show it.
std::string describe(const backend::Refusal& refusal);

/// What a region on the host costs a plan for a device, for reports: its tensors are copied there and back, as far as
/// their sizes are known; of what a run finds, the most.
std::string copies_of(const backend::Region& region, const ops::ValueTable& values);

}  // namespace fovea::compiler
