#include "fovea/version.hpp"

namespace fovea {

std::string_view version() { return FOVEA_VERSION; }

}  // namespace fovea
