#pragma once

#include "runtime/program.hpp"

namespace fovea::api {

/// The backends that work in host memory, the preferred one first; with those of the GPUs, the only ones.
runtime::Backends backends();
/// Those of `device` ("cpu", "reference", "cuda:0") first, without the ones that would be preferred to it; throws
/// `invalid_argument` when there is none. `tf32`: a GPU may round products of f32 tensors to TF32.
runtime::Backends backends_for(std::string_view device, bool tf32 = false);
/// Whether the plan's sections for GPUs round products of f32 tensors to TF32; all of them do, or none.
bool rounds_to_tf32(const plan::Plan& plan);
/// Those of `device` for the plan; where it is empty, those that the plan's sections need, as far as this machine has
/// them.
runtime::Backends backends_for(const plan::Plan& plan, std::string_view device);

}  // namespace fovea::api
