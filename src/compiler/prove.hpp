#pragma once

#include "compiler/gate.hpp"
#include "compiler/select.hpp"

namespace fovea::compiler {

/// The shapes of a plan's inputs at one end of the profile.
std::vector<Shape> shapes_of(const plan::Plan& plan, Shape plan::InputProfile::*which);

/// Random inputs; pictures for the input that the contract prepares.
std::vector<Tensor> made_up_inputs(const plan::Plan& plan, const std::vector<Shape>& shapes, std::uint32_t seed);

/// Checks the kernels one by one: on `inputs`, at the optimum, in `context`, which is left with the outputs; then at
/// the maximum and with two images at the minimum. Returns those that are wrong.
std::vector<WrongKernel> prove_kernels(runtime::Context& context, const std::vector<Tensor>& inputs,
                                       const GateOptions& options, plan::Certificate& certificate);

/// Adds wrong kernels to what this build has dropped, and to what the cache remembers. Tells at their steps and among
/// the candidates what was found. Returns whether the plan holds one of them.
bool drop(const std::vector<WrongKernel>& wrong, const ops::ValueTable& values, const Covering& covering,
          std::vector<Selection>& selections, const RivalTactics& rivals, plan::Plan& plan, std::size_t section,
          std::vector<Dropped>& dropped);

}  // namespace fovea::compiler
