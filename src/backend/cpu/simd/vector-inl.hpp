// Loads and stores of f32, bf16 and f16 memory as f32 vectors, for each of Highway's targets.
#if defined(FOVEA_SIMD_VECTOR_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_VECTOR_INL
#undef FOVEA_SIMD_VECTOR_INL
#else
#define FOVEA_SIMD_VECTOR_INL
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "backend/cpu/simd/native.hpp"
#include "base/float_types.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using U32 = hn::RebindToUnsigned<F32>;
using I32 = hn::RebindToSigned<F32>;
using U16 = hn::Rebind<std::uint16_t, F32>;
using Vec = hn::Vec<F32>;
using Mask = hn::Mask<F32>;

/// Storage type of bf16 elements.
using Bf16Bits = std::uint16_t;

/// Storage type of f16 elements.
struct HalfBits {
    std::uint16_t bits;
};

/// Whether the target converts f16 in hardware.
constexpr bool kConvertsHalves = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2;

HWY_INLINE constexpr std::size_t lanes() { return HWY_LANES(float); }

HWY_INLINE Vec load(const float* p) { return hn::LoadU(F32(), p); }
HWY_INLINE Vec load(const Bf16Bits* p) {
    return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), hn::LoadU(U16(), p))));
}

HWY_INLINE Vec load(const std::uint8_t* p) {
    const hn::Rebind<std::uint8_t, F32> d8;
    return hn::ConvertTo(F32(), hn::BitCast(I32(), hn::PromoteTo(U32(), hn::LoadU(d8, p))));
}

/// Bits of f16 numbers, each in one lane.
HWY_INLINE Vec from_half(hn::Vec<U16> bits) {
    const hn::Rebind<hwy::float16_t, F32> half;
    return hn::PromoteTo(F32(), hn::BitCast(half, bits));
}

HWY_INLINE Vec load(const HalfBits* p) {
    if constexpr (kConvertsHalves) return from_half(hn::LoadU(U16(), &p->bits));
    HWY_ALIGN float numbers[lanes()];
    for (std::size_t i = 0; i < lanes(); i++) numbers[i] = base::decode_float(p[i].bits, DType::f16);
    return hn::Load(F32(), numbers);
}

/// One stored element as f32.
HWY_INLINE float number(float x) { return x; }
HWY_INLINE float number(std::uint8_t x) { return x; }
HWY_INLINE float number(Bf16Bits x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }
HWY_INLINE float number(HalfBits x) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    return _cvtsh_ss(x.bits);
#else
    return base::decode_float(x.bits, DType::f16);
#endif
}

/// Bits of `v` rounded to the nearest bf16, ties to even; NaN stays NaN.
HWY_INLINE hn::Vec<U16> to_bf16(Vec v) {
#if HWY_TARGET == HWY_AVX3
    if (kNativeBf16) {
        __m256i bits;
        asm("vcvtneps2bf16 %1, %0" : "=v"(bits) : "v"(v.raw));
        return hn::Vec<U16>{bits};
    }
#endif
    const U32 du;
    const auto bits = hn::BitCast(du, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7FFF)));
    const auto quiet = hn::Or(bits, hn::Set(du, 0x400000));
    const auto nan = hn::RebindMask(du, hn::IsNaN(v));
    return hn::TruncateTo(U16(), hn::ShiftRight<16>(hn::IfThenElse(nan, quiet, rounded)));
}

HWY_INLINE void store(Vec v, float* p) { hn::StoreU(v, F32(), p); }
HWY_INLINE void store(Vec v, Bf16Bits* p) { hn::StoreU(to_bf16(v), U16(), p); }

/// Bits of `v` rounded to the nearest f16, ties to even; infinite beyond its range.
HWY_INLINE hn::Vec<U16> to_half(Vec v) {
    const hn::Rebind<hwy::float16_t, F32> half;
    return hn::BitCast(U16(), hn::DemoteTo(half, v));
}

HWY_INLINE void store(Vec v, HalfBits* p) {
    if constexpr (kConvertsHalves) return hn::StoreU(to_half(v), U16(), &p->bits);
    HWY_ALIGN float numbers[lanes()];
    hn::Store(v, F32(), numbers);
    for (std::size_t i = 0; i < lanes(); i++) p[i].bits = base::encode_float(numbers[i], DType::f16);
}

/// Stores one element.
HWY_INLINE void store_number(float x, float* p) { *p = x; }
HWY_INLINE void store_number(float x, Bf16Bits* p) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    *p = static_cast<Bf16Bits>((x != x ? bits | 0x400000 : bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
HWY_INLINE void store_number(float x, HalfBits* p) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    p->bits = _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT);
#else
    p->bits = base::encode_float(x, DType::f16);
#endif
}

/// Calls f.template operator()<T>() with the storage type of `type`: f32, bf16 or f16.
template <class Function>
HWY_INLINE void with_storage(DType type, const Function& f) {
    if (type == DType::bf16) return f.template operator()<Bf16Bits>();
    if (type == DType::f16) return f.template operator()<HalfBits>();
    f.template operator()<float>();
}

/// First `count` < lanes() elements, zero above. Reads nothing beyond them.
template <class T>
HWY_INLINE Vec load_part(const T* p, std::size_t count) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    if constexpr (std::is_same_v<T, float>) return hn::MaskedLoad(hn::FirstN(F32(), count), F32(), p);
#endif
#if HWY_TARGET == HWY_AVX3
    if constexpr (std::is_same_v<T, Bf16Bits>) {
        const auto bits = hn::MaskedLoad(hn::FirstN(U16(), count), U16(), p);
        return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), bits)));
    }
    if constexpr (std::is_same_v<T, HalfBits>)
        return from_half(hn::MaskedLoad(hn::FirstN(U16(), count), U16(), &p->bits));
#endif
    HWY_ALIGN T part[lanes()] = {};
    for (std::size_t i = 0; i < count; i++) part[i] = p[i];
    return load(part);
}

/// Stores the first `count` < lanes() elements and touches nothing beyond them.
template <class T>
HWY_INLINE void store_part(Vec v, T* p, std::size_t count) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    if constexpr (std::is_same_v<T, float>) return hn::BlendedStore(v, hn::FirstN(F32(), count), F32(), p);
#endif
#if HWY_TARGET == HWY_AVX3
    if constexpr (std::is_same_v<T, Bf16Bits>) return hn::BlendedStore(to_bf16(v), hn::FirstN(U16(), count), U16(), p);
    if constexpr (std::is_same_v<T, HalfBits>)
        return hn::BlendedStore(to_half(v), hn::FirstN(U16(), count), U16(), &p->bits);
#endif
    HWY_ALIGN T part[lanes()];
    store(v, part);
    for (std::size_t i = 0; i < count; i++) p[i] = part[i];
}

template <class T>
HWY_INLINE Vec load_some(const T* p, std::size_t count) {
    return count >= lanes() ? load(p) : load_part(p, count);
}

template <class T>
HWY_INLINE void store_some(Vec v, T* p, std::size_t count) {
    if (count >= lanes())
        store(v, p);
    else
        store_part(v, p, count);
}

/// `load_some` and `store_some` where the compiler knows whether the vector is a part.
template <bool kPart, class T>
HWY_INLINE Vec load_block(const T* p, std::size_t count) {
    if constexpr (kPart)
        return load_part(p, count);
    else
        return load(p);
}
template <bool kPart, class T>
HWY_INLINE void store_block(Vec v, T* p, std::size_t count) {
    if constexpr (kPart)
        store_part(v, p, count);
    else
        store(v, p);
}

/// Calls f.template operator()<kPart>(i, count) for every vector of `size` elements; only the last may be a part, of
/// `count`.
template <class Function>
HWY_INLINE void over_vectors(std::size_t size, const Function& f) {
    std::size_t i = 0;
    for (; i + lanes() <= size; i += lanes()) f.template operator()<false>(i, lanes());
    if (i < size) f.template operator()<true>(i, size - i);
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
