#pragma once

#include <memory>

#include "backend/backend.hpp"

namespace fovea::backend {

/// Runs every operator by its reference kernel, one node a region, plain layouts: the oracle, and the last resort of
/// the other backends. Its kernels allocate while they run.
std::unique_ptr<Backend> make_reference_backend();

}  // namespace fovea::backend
