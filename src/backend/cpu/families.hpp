#pragma once

#include "backend/cpu/family.hpp"

/// One function per family, each in the file of its name; `cpu.cpp` lists them.
namespace fovea::backend::cpu {

Family conv_family();
Family matmul_family();
Family transpose_family();
Family view_family();

}  // namespace fovea::backend::cpu
