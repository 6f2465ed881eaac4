#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// (x - mean) / sqrt(variance + epsilon) · scale + shift, mean and variance of each group of an image's channels over
/// all its pixels.
struct GroupNorm {
    std::int64_t images = 0, channels = 0, pixels = 0, groups = 0;
    DType type = DType::f32;  ///< of input and output: f32, bf16 or f16
    bool channels_last = false;
    const void* input = nullptr;
    void* output = nullptr;
    /// Elements from one pixel to the next of channels-last tensors; plain ones are dense.
    std::int64_t input_pitch = 0, output_pitch = 0;
    const float *scale = nullptr, *shift = nullptr;  ///< one per channel
    float epsilon = 1e-5f;
};
std::size_t group_norm_workspace(const GroupNorm& norm, int threads);
void group_norm(const GroupNorm& norm, void* workspace, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
