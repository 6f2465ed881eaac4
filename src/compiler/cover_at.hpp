#pragma once

#include <utility>

#include "compiler/cover.hpp"

namespace fovea::compiler {

/// The graph with ids in the order of its text form, as a loaded plan will have them.
ir::Graph canonical(const ir::Graph& graph);

/// The values at these shapes of the inputs, and the covering; with `fold`, dequantised weights that no kernel takes
/// quantised become constants of `graph` first.
std::pair<ops::ValueTable, Covering> cover_at(ir::Graph& graph, const std::vector<Shape>& shapes,
                                              const backend::Backend& backend, bool fuse, bool fold);

}  // namespace fovea::compiler
