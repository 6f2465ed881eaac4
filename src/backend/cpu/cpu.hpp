#pragma once

#include <memory>
#include <string>

#include "backend/backend.hpp"

namespace fovea::backend {

/// Kernels for x86-64 and other CPUs: oneDNN primitives and own SIMD kernels, the instruction set chosen at run time.
/// Operators that have neither run by their reference kernels (tactic "reference").
std::unique_ptr<Backend> make_cpu_backend();

/// "oneDNN 3.2.1"
std::string cpu_library();

}  // namespace fovea::backend
