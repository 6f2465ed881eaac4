#pragma once

#include <span>

#include "ops/op.hpp"

/// One function per file of operators; `registry.cpp` lists them.
namespace fovea::ops {

std::span<const Op> conv_operators();
std::span<const Op> unary_operators();

}  // namespace fovea::ops
