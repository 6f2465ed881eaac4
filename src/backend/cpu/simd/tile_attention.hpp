#pragma once

#include "backend/cpu/simd/attention.hpp"

namespace fovea::backend::cpu::simd {

/// `attention` of bf16 tensors on tile registers, or on their emulation where the machine has none, for tests; rounds
/// probabilities to bf16.
std::size_t tile_attention_workspace(const Attention& attention, int threads);
void tile_attention(const Attention& attention, void* workspace, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
