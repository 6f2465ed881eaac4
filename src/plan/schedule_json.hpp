#pragma once

#include <string>
#include <string_view>

#include "plan/plan.hpp"

namespace fovea::plan {

/// Everything of a plan but its graph, as JSON with sorted keys.
std::string to_json(const Plan& plan);
/// Inverse of `to_json`; ids are checked against `plan.graph`, which must be set. Throws `corrupt_plan`.
void from_json(std::string_view text, Plan& plan);

}  // namespace fovea::plan
