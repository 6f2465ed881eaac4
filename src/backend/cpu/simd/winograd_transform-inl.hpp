// The transforms of F(4x4, 3x3) at the points 0, +-1/sqrt 2, +-sqrt 2, infinity, for each of Highway's targets.
#if defined(FOVEA_SIMD_WINOGRAD_TRANSFORM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_WINOGRAD_TRANSFORM_INL
#undef FOVEA_SIMD_WINOGRAD_TRANSFORM_INL
#else
#define FOVEA_SIMD_WINOGRAD_TRANSFORM_INL
#endif

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

constexpr float kRoot = 1.41421356237309505f, kHalfRoot = 0.70710678118654752f;

/// One axis of the input transform: y = B^T x.
HWY_INLINE void transform_input_axis(const Vec* x, Vec* y, int y_step) {
    const F32 d;
    const Vec half = hn::Set(d, 0.5f), two = hn::Set(d, 2.0f), sum = hn::Set(d, 2.5f);
    const Vec root = hn::Set(d, kRoot), half_root = hn::Set(d, kHalfRoot);
    const Vec even_low = hn::NegMulAdd(two, x[2], x[4]), odd_low = hn::NegMulAdd(two, x[1], x[3]);
    const Vec even_high = hn::NegMulAdd(half, x[2], x[4]), odd_high = hn::NegMulAdd(half, x[1], x[3]);
    y[0] = hn::NegMulAdd(sum, x[2], hn::Add(x[0], x[4]));
    y[1 * y_step] = hn::MulAdd(half_root, odd_low, even_low);
    y[2 * y_step] = hn::NegMulAdd(half_root, odd_low, even_low);
    y[3 * y_step] = hn::MulAdd(root, odd_high, even_high);
    y[4 * y_step] = hn::NegMulAdd(root, odd_high, even_high);
    y[5 * y_step] = hn::NegMulAdd(sum, x[3], hn::Add(x[1], x[5]));
}

/// One axis of the output transform: y = A^T x, for filters whose rows at +-sqrt 2 are doubled.
HWY_INLINE void transform_output_axis(const Vec* x, Vec* y, int y_step) {
    const F32 d;
    const Vec half = hn::Set(d, 0.5f), half_root = hn::Set(d, kHalfRoot);
    const Vec even_low = hn::Add(x[1], x[2]), odd_low = hn::Sub(x[1], x[2]);
    const Vec even_high = hn::Add(x[3], x[4]), odd_high = hn::Sub(x[3], x[4]);
    y[0] = hn::MulAdd(half, even_high, hn::Add(x[0], even_low));
    y[1 * y_step] = hn::Mul(half_root, hn::Add(odd_low, odd_high));
    y[2 * y_step] = hn::MulAdd(half, even_low, even_high);
    y[3 * y_step] = hn::MulAdd(hn::Set(d, kRoot), odd_high, hn::MulAdd(hn::Set(d, kHalfRoot / 2), odd_low, x[5]));
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
