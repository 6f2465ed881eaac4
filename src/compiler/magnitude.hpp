#pragma once

#include "backend/backend.hpp"

namespace fovea::compiler {

/// The largest magnitude among a tensor's finite elements; 0 where there is none.
double largest_magnitude(const backend::TensorDesc& desc, const std::byte* data);

}  // namespace fovea::compiler
