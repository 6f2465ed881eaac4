#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/simd/types.hpp"

/// Element-wise kernels between f32 and 8 bits on contiguous elements. `is_signed`: i8, else u8. Rounding is to the
/// nearest whole number, ties to even; results are clamped to [lowest, highest].
namespace fovea::backend::cpu::simd {

struct Quantise {
    float scale = 1, zero = 0;  ///< y = round(x / scale) + zero
    float lowest = 0, highest = 255;
    bool is_signed = false;
};
void quantise(const Quantise& quantise, const float* input, void* output, std::size_t count) noexcept;

/// y = round(a · scale_a + b · scale_b + offset), with the sum in units of the result.
struct QuantisedAdd {
    float scale_a = 1, scale_b = 1, offset = 0;
    float lowest = 0, highest = 255;
    bool a_signed = false, b_signed = false, is_signed = false;
};
void quantised_add(const QuantisedAdd& add, const void* a, const void* b, void* output, std::size_t count) noexcept;

/// y = (x - zero) · scale.
struct Dequantise {
    float scale = 1, zero = 0;
    bool is_signed = false;
};
void dequantise(const Dequantise& dequantise, const void* input, float* output, std::size_t count) noexcept;

}  // namespace fovea::backend::cpu::simd
