#pragma once

#include "ir/graph.hpp"

namespace fovea::precision {

/// Whether a tensor of the graph, its inputs and outputs included, has this type.
bool holds(const ir::Graph& graph, DType type);

/// The network with everything of `type`, bf16 or f16, computed in f32: constants are widened, and casts to `type` in
/// between are gone, so that nothing is rounded there. Inputs and outputs of the graph keep their types behind Cast
/// nodes; so do operators with bodies, whose types are fixed, and BitCast. Types and shapes are annotated.
ir::Graph widen(ir::Graph graph, DType type);

}  // namespace fovea::precision
