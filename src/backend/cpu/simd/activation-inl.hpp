// Activation functions on f32 vectors, for each of Highway's targets.
#if defined(FOVEA_SIMD_ACTIVATION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_ACTIVATION_INL
#undef FOVEA_SIMD_ACTIVATION_INL
#else
#define FOVEA_SIMD_ACTIVATION_INL
#endif

#include "backend/cpu/simd/exp-inl.hpp"
#include "backend/cpu/simd/types.hpp"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

HWY_INLINE Vec gelu(Vec x) {
    const F32 d;
    const Vec half = hn::Mul(x, hn::Set(d, 0.5f));
    return hn::MulAdd(half, erf(hn::Mul(x, hn::Set(d, 0.70710678f))), half);
}

HWY_INLINE Vec gelu_tanh(Vec x) {
    const F32 d;
    const Vec inner = hn::Mul(x, hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.0713548162726f), hn::Set(d, 1.59576912161f)));
    return hn::Mul(x, sigmoid(inner));
}

HWY_INLINE Vec softplus(Vec x) {
    const F32 d;
    return hn::Add(hn::Max(x, hn::Zero(d)), hn::Log1p(d, hn::Exp(d, hn::Neg(hn::Abs(x)))));
}

HWY_INLINE Vec elu(Vec x, float alpha) {
    const F32 d;
    const Vec low = hn::Mul(hn::Set(d, alpha), hn::Expm1(d, hn::Min(x, hn::Zero(d))));
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), low, x);
}

HWY_INLINE Vec linear_clip(Vec x, float alpha, float beta) {
    const F32 d;
    const Vec y = hn::MulAdd(x, hn::Set(d, alpha), hn::Set(d, beta));
    return hn::Min(hn::Max(y, hn::Zero(d)), hn::Set(d, 1.0f));
}

HWY_INLINE Vec leaky_relu(Vec x, float alpha) {
    const F32 d;
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, hn::Set(d, alpha)), x);
}

template <class Function>
HWY_INLINE void for_each(Vec* v, std::size_t count, const Function& f) {
    for (std::size_t i = 0; i < count; i++) v[i] = f(v[i]);
}

/// The activations that call exp or log, out of line: they are long.
inline HWY_NOINLINE void activate_slowly(Activation activation, float alpha, Vec* v, std::size_t count) {
    const F32 d;
    switch (activation) {
        case Activation::elu: return for_each(v, count, [&](Vec x) HWY_ATTR { return elu(x, alpha); });
        case Activation::sigmoid: return for_each(v, count, [](Vec x) HWY_ATTR { return sigmoid(x); });
        case Activation::silu: return for_each(v, count, [](Vec x) HWY_ATTR { return hn::Mul(x, sigmoid(x)); });
        case Activation::gelu: return for_each(v, count, [](Vec x) HWY_ATTR { return gelu(x); });
        case Activation::gelu_tanh: return for_each(v, count, [](Vec x) HWY_ATTR { return gelu_tanh(x); });
        case Activation::tanh: return for_each(v, count, [&](Vec x) HWY_ATTR { return hn::Tanh(d, x); });
        case Activation::softplus: return for_each(v, count, [](Vec x) HWY_ATTR { return softplus(x); });
        case Activation::mish:
            return for_each(v, count, [&](Vec x) HWY_ATTR { return hn::Mul(x, hn::Tanh(d, softplus(x))); });
        default: return;
    }
}

/// Applies `activation` to `count` vectors in place. The order of operands lets NaN through.
HWY_INLINE void activate(Activation activation, float alpha, float beta, Vec* v, std::size_t count) {
    const F32 d;
    switch (activation) {
        case Activation::none: return;
        case Activation::relu: return for_each(v, count, [&](Vec x) HWY_ATTR { return hn::Max(hn::Zero(d), x); });
        case Activation::clip:
            return for_each(v, count,
                            [&](Vec x) HWY_ATTR { return hn::Min(hn::Set(d, beta), hn::Max(hn::Set(d, alpha), x)); });
        case Activation::leaky_relu: return for_each(v, count, [&](Vec x) HWY_ATTR { return leaky_relu(x, alpha); });
        case Activation::hard_sigmoid:
            return for_each(v, count, [&](Vec x) HWY_ATTR { return linear_clip(x, alpha, beta); });
        case Activation::hard_swish:
            return for_each(v, count, [&](Vec x) HWY_ATTR { return hn::Mul(x, linear_clip(x, 1.0f / 6, 0.5f)); });
        default: return activate_slowly(activation, alpha, v, count);
    }
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
