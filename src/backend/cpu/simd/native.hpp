#pragma once

namespace fovea::backend::cpu::simd {

/// Whether the machine has the AVX-512 BF16 and VNNI instructions, which no Highway target in use includes.
#if defined(__x86_64__)
inline const bool kNativeBf16 = __builtin_cpu_supports("avx512bf16") != 0;
inline const bool kNativeWords = __builtin_cpu_supports("avx512vnni") != 0;
#else
inline constexpr bool kNativeBf16 = false, kNativeWords = false;
#endif

}  // namespace fovea::backend::cpu::simd
