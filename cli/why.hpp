#pragma once

#include <string>

#include "compiler/build.hpp"
#include "plan/plan.hpp"

namespace fovea::cli {

/// What became of one of the user's nodes or tensors: the kernels that compute it, their type, layouts and time, the
/// reasons, and, where `report` is given, the rewrites that took part and the tactics considered. Throws
/// `invalid_argument` with similar names when the plan knows no such name.
std::string explain(const plan::Plan& plan, const std::string& name, const compiler::BuildReport* report);

}  // namespace fovea::cli
