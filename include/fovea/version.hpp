#pragma once

#include <string_view>

namespace fovea {

/// "major.minor.patch"
std::string_view version();

}  // namespace fovea
