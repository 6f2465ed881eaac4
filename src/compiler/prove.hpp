#pragma once

#include "compiler/gate.hpp"
#include "compiler/select.hpp"

namespace fovea::compiler {

/// The shapes of a plan's inputs, in the network's order, at one point of the profile.
std::vector<Shape> shapes_of(const plan::Plan& plan, Shape plan::InputProfile::*which);

/// Random inputs; pictures for the input that the contract prepares.
std::vector<Tensor> made_up_inputs(const plan::Plan& plan, const std::vector<Shape>& shapes, std::uint32_t seed);

/// Checks the kernels one by one: on `inputs`, at the optimum, in `context`, which is left with the outputs; then at
/// the maximum and with two images at the minimum. Returns those that are wrong.
std::vector<WrongKernel> prove_kernels(runtime::Context& context, const std::vector<Tensor>& inputs,
                                       const GateOptions& options, plan::Certificate& certificate);

/// The other kernels to ask by the first node of a region: where they cost least first, as far as the time reaches.
std::map<ir::NodeId, std::vector<backend::Tactic>> affordable_rivals(const Covering& covering,
                                                                     const std::vector<Selection>& selections);

/// Adds wrong kernels to what this build has dropped, and to what the cache remembers. Tells at their steps and among
/// the candidates what was found. Returns whether the plan holds one of them.
bool drop(const std::vector<WrongKernel>& wrong, const ops::ValueTable& values, const Covering& covering,
          std::vector<Selection>& selections, const RivalTactics& rivals, plan::Plan& plan, std::size_t section,
          std::vector<Dropped>& dropped);

/// Copies of a run's outputs; nothing for those that are a matter of chance.
std::vector<Tensor> certain_outputs(const runtime::Context& context);

/// Runs a plan for a device as its section says that the kernels are launched, and drops ways whose outputs are not
/// `outputs`, of the kernels one by one, to the last bit. The next one in time takes their place. Leaves the context
/// with the outputs of the way that stands in `section` then. Throws `numerics` where there is none.
void prove_launching(runtime::Context& context, const std::vector<Tensor>& outputs, plan::TargetSection& section);

}  // namespace fovea::compiler
