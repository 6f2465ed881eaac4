#pragma once

namespace fovea::backend::cpu::simd {

/// Whether the machine has the AVX-512 BF16 instructions, which no Highway target includes.
#if defined(__x86_64__)
inline const bool kNativeBf16 = __builtin_cpu_supports("avx512bf16") != 0;
#else
inline constexpr bool kNativeBf16 = false;
#endif

}  // namespace fovea::backend::cpu::simd
