#pragma once

#include "compiler/network_reference.hpp"

namespace fovea::compiler {

/// Whether a tensor depends on a node that draws other numbers at every run.
bool is_random(const ir::Graph& network, ir::ValueId id);

/// Holds the outputs of `plan`, which has run on the reference's inputs, against the same network in f32. What may
/// differ is measured: the plan may be a little noisier than the reference's rounded run, and no more
/// (docs/decisions/0006-gate-bounds.md). Appends what it found to `certificate`; throws `numerics` naming the output,
/// and the first tensor and the user's nodes where the plan leaves the reference.
void check_outputs(runtime::Context& plan, NetworkReference& reference, plan::Certificate& certificate);

}  // namespace fovea::compiler
