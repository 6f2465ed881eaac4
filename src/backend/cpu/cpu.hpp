#pragma once

#include <memory>

#include "backend/backend.hpp"

namespace fovea::backend {

/// Kernels for x86-64 and other CPUs: oneDNN primitives and own SIMD kernels, the instruction set chosen at run time.
/// Operators that have neither run by their reference kernels (tactic "reference").
std::unique_ptr<Backend> make_cpu_backend();

}  // namespace fovea::backend
