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
/// that the later of two producers takes a shared addition. Every node is covered exactly once.
Covering cover(const ir::Graph& graph, const ops::ValueTable& values, const backend::Backend& backend, bool fuse);

}  // namespace fovea::compiler
