// Products of bf16 pairs summed in f32 by AVX-512 BF16, which Highway's targets do not include.
#if defined(FOVEA_SIMD_BF16_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_BF16_PRODUCT_INL
#undef FOVEA_SIMD_BF16_PRODUCT_INL
#else
#define FOVEA_SIMD_BF16_PRODUCT_INL
#endif

#include "backend/cpu/simd/vector-inl.hpp"

/// Marks functions that use the instructions below; they may run only where `target_has_bf16_products()`.
#undef FOVEA_BF16_ATTR
#define FOVEA_BF16_ATTR __attribute__((target("avx512bf16")))

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// A pair of bf16 in every lane.
using Pairs = hn::Vec<U32>;

#if HWY_TARGET == HWY_AVX3
constexpr bool kBf16Products = true;

/// sum + a.low b.low + a.high b.high in every lane.
FOVEA_BF16_ATTR HWY_INLINE Vec add_pair_products(Pairs a, Pairs b, Vec sum) {
    return Vec{_mm512_dpbf16_ps(sum.raw, reinterpret_cast<__m512bh>(a.raw), reinterpret_cast<__m512bh>(b.raw))};
}
#else
constexpr bool kBf16Products = false;
#endif

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
