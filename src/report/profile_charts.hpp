#pragma once

#include <string>

#include "report/profile.hpp"

/// Drawings of a profile as SVG elements; every mark has a tooltip.
namespace fovea::report {

/// The kernels from left to right as they run, as wide as they take long.
std::string timeline(const Profile& profile);

/// Time by operators, longest first.
std::string time_by_operator(const Profile& profile);

/// FLOP/s over FLOPs per byte, both logarithmic: the machine's roofs, and a disc per kernel whose area shows its time.
std::string roofline(const Profile& profile);

}  // namespace fovea::report
