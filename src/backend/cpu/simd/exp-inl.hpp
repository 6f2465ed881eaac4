// Exponentials and the error function on f32 vectors, for each of Highway's targets.
#if defined(FOVEA_SIMD_EXP_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_EXP_INL
#undef FOVEA_SIMD_EXP_INL
#else
#define FOVEA_SIMD_EXP_INL
#endif

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// The polynomial with these coefficients, the highest first.
template <class... Rest>
HWY_INLINE Vec polynomial(Vec x, float highest, Rest... rest) {
    const F32 d;
    Vec sum = hn::Set(d, highest);
    ((sum = hn::MulAdd(sum, x, hn::Set(d, rest))), ...);
    return sum;
}

/// 2^x for x below 128, 0 where that is below the smallest normal number or so. The relative error is below 2e-7; with
/// kRough, for results that are rounded to bf16, below 8e-5.
template <bool kRough = false>
HWY_INLINE Vec power_of_two(Vec x) {
    // Polynomials of least relative error.
#if HWY_TARGET == HWY_AVX3
    const Vec r{_mm512_reduce_ps(x.raw, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};  // x - floor(x), 0 for -infinity
    const Vec p =
        kRough ? polynomial(r, 0.0780245233f, 0.226067159f, 0.695833537f, 0.999925219f)
               : polynomial(r, 0.00187757668f, 0.00898934014f, 0.0558263179f, 0.240153617f, 0.693153073f, 0.999999925f);
    return Vec{_mm512_scalef_ps(p.raw, x.raw)};
#else
    const F32 d;
    const Vec bounded = hn::Max(hn::Set(d, -126.0f), x);  // in this order NaN stays
    const Vec whole = hn::Round(bounded), r = hn::Sub(bounded, whole);
    const Vec p =
        kRough ? polynomial(r, 0.05517158f, 0.24261111f, 0.69326103f, 0.99992806f)
               : polynomial(r, 0.00132764620f, 0.00967554096f, 0.0555071346f, 0.240221202f, 0.693146944f, 1.00000012f);
    const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(I32(), whole), hn::Set(I32(), 127)));
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -126.0f)), hn::Mul(p, hn::BitCast(d, exponent)));
#endif
}

/// exp(x) as a power of two: the relative error grows with |x|, to 1e-6 at 10 and 8e-6 at the ends. x is below 88.
HWY_INLINE Vec fast_exp(Vec x) { return power_of_two(hn::Mul(x, hn::Set(F32(), 1.44269504f))); }

HWY_INLINE Vec sigmoid(Vec x) {
    const F32 d;
    const Vec one = hn::Set(d, 1.0f);
    return hn::Div(one, hn::Add(one, fast_exp(hn::Min(hn::Set(d, 87.0f), hn::Neg(x)))));
}

/// erf(x) with an absolute error below 1e-6: x P(x^2), where P has the least error on [0, 3.6^2], just beyond 1 at its
/// end.
HWY_INLINE Vec erf(Vec x) {
    const F32 d;
    const Vec bound = hn::Set(d, 3.6f), one = hn::Set(d, 1.0f);
    const Vec bounded = hn::Min(bound, hn::Max(hn::Neg(bound), x));
    const Vec u = hn::MulSub(hn::Mul(bounded, bounded), hn::Set(d, 2 / (3.6f * 3.6f)), one);
    const Vec p = polynomial(u, 0.00224672677f, -0.00578937121f, 0.00562975369f, -0.00818565581f, 0.0201654136f,
                             -0.0344702788f, 0.0487972721f, -0.0675117821f, 0.0897069126f, -0.113853477f, 0.143818855f,
                             -0.195488662f, 0.392712206f);
    return hn::Min(one, hn::Max(hn::Neg(one), hn::Mul(p, bounded)));
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
