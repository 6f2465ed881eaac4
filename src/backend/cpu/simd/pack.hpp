#pragma once

#include <bit>

#include "base/float_types.hpp"

namespace fovea::backend::cpu::simd {

/// Two numbers rounded to bf16 in the bits of one f32.
inline float bf16_pair(float low, float high) {
    const std::uint32_t a = base::encode_float(low, DType::bf16), b = base::encode_float(high, DType::bf16);
    return std::bit_cast<float>(a | b << 16);
}

}  // namespace fovea::backend::cpu::simd
