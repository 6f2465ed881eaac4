#pragma once

#include <string_view>

namespace fovea::backend::cpu::simd {

/// f32 elements in a vector of the instruction set that the kernels run on.
int target_lanes();
/// Most rows of a register tile of the f32 matrix product.
int target_tile_rows();
/// Whether that instruction set multiplies bf16 pairs natively, at twice the rate of f32.
bool target_has_bf16_products();
/// Whether it multiplies pairs of i16 and adds them up in i32 natively, at twice the rate of f32.
bool target_has_word_products();
/// Whether the machine has registers that multiply bf16 tiles (AMX), and kernels on that instruction set use them.
bool target_has_tiles();
/// Name of that instruction set, e.g. "AVX3" for AVX-512.
std::string_view target_name();

}  // namespace fovea::backend::cpu::simd
