#pragma once

#include "runtime/program.hpp"

namespace fovea::api {

/// All backends of this binary, the preferred one first. The only place that names them.
runtime::Backends backends();
/// Only the reference kernels.
runtime::Backends reference_backends();

}  // namespace fovea::api
