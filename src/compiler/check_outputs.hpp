#pragma once

#include "runtime/engine.hpp"

namespace fovea::compiler {

/// Holds the outputs of `plan`, which has run on `inputs`, against `reference`, a plan of the same network in f32 with
/// a kernel for every node. What may differ is measured: the reference runs once more and rounds every tensor as far as
/// the plan does (see `Rounding`); the plan may be a little noisier than that, and no more
/// (docs/decisions/0006-gate-bounds.md). Appends what it found to `certificate`; throws `numerics` naming the output,
/// and the first tensor and the user's nodes where the plan leaves the reference.
void check_outputs(runtime::Context& plan, plan::Plan reference, const runtime::Backends& backends,
                   const std::vector<Tensor>& inputs, plan::Certificate& certificate);

}  // namespace fovea::compiler
