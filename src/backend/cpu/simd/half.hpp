#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea::backend::cpu::simd {

/// Contiguous elements between f16 and f32, rounded to the nearest, ties to even; beyond f16's range they become
/// infinite.
void half_to_float(const std::uint16_t* input, float* output, std::size_t count) noexcept;
void float_to_half(const float* input, std::uint16_t* output, std::size_t count) noexcept;

}  // namespace fovea::backend::cpu::simd
