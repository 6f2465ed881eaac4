#pragma once

#include "runtime/program.hpp"

namespace fovea::api {

/// All backends of this binary, the preferred one first. The only place that names them.
runtime::Backends backends();
/// Those of `device` first, without the ones that would be preferred to it; throws `invalid_argument` when there is
/// none.
runtime::Backends backends_for(std::string_view device);

}  // namespace fovea::api
