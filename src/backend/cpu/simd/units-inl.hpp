// One step of a sum of products in f32, of f32 factors or of bf16 pairs, for each of Highway's targets.
#if defined(FOVEA_SIMD_UNITS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_UNITS_INL
#undef FOVEA_SIMD_UNITS_INL
#else
#define FOVEA_SIMD_UNITS_INL
#endif

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Arithmetic on one f32 in every lane.
struct SingleUnits {
    static HWY_INLINE Vec multiply_add(Vec a, Vec b, Vec sum) { return hn::MulAdd(a, b, sum); }
};

/// Arithmetic on a pair of bf16 in every lane: sum + a.low b.low + a.high b.high. Only where
/// `target_has_bf16_products()`. The instruction is written as such because functions for a further instruction set
/// cannot be inlined into Highway's.
#if HWY_TARGET == HWY_AVX3
constexpr bool kBf16Products = true;
struct PairUnits {
    static HWY_INLINE Vec multiply_add(Vec a, Vec b, Vec sum) {
        asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
        return sum;
    }
};
#else
constexpr bool kBf16Products = false;
using PairUnits = SingleUnits;
#endif

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
