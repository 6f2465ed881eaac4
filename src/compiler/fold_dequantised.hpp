#pragma once

#include "compiler/cover.hpp"

namespace fovea::compiler {

/// Computes every DequantizeLinear of constants that the covering left on its own: no kernel reads the quantised
/// numbers, so they need not be dequantised in every run. Returns whether the graph has changed; the covering is void
/// then.
bool fold_dequantised(ir::Graph& graph, const Covering& covering);

}  // namespace fovea::compiler
