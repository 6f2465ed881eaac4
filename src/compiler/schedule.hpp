#pragma once

#include "compiler/select.hpp"
#include "plan/plan.hpp"

namespace fovea::compiler {

/// Turns a covering with chosen tactics into steps and slots, with the layout conversions that are needed, aliases for
/// views, and concatenations whose inputs are written in place where the producers can.
plan::TargetSection schedule(const ir::Graph& graph, const ops::ValueTable& values, const Covering& covering,
                             const std::vector<Selection>& selections, const backend::Backend& backend, int threads);

}  // namespace fovea::compiler
