#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "fovea/engine.hpp"
#include "npz.hpp"

namespace fovea::cli {

/// Random inputs of a plan, floats in [0, 1): at `shapes`, and at the profile's optimum for inputs that it does not
/// name.
Tensors random_inputs(const Engine& engine, const std::map<std::string, Shape>& shapes, std::uint32_t seed = 1);

/// The plan's inputs out of `tensors`, which must hold each and nothing else; a single unnamed tensor is the only
/// input. Types that NumPy lacks are converted, any other difference of types is `invalid_argument`.
Tensors match_inputs(const Engine& engine, Tensors tensors);

/// Binds every tensor; they must outlive the run.
void bind_inputs(Context& context, const Tensors& tensors);

/// Copies of all outputs of the last run.
Tensors outputs(const Engine& engine, const Context& context);

}  // namespace fovea::cli
