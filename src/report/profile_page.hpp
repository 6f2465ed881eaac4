#pragma once

#include <string>

#include "report/profile.hpp"

namespace fovea::report {

/// The profile as a page that needs no other file: facts, timeline, time by operator, roofline, table of kernels.
std::string profile_page(const Profile& profile);

}  // namespace fovea::report
