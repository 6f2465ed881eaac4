#include "backend/cpu/simd/quantise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/quantise.cpp"
#include "hwy/foreach_target.h"

#include <cstring>

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

template <class T>
HWY_INLINE Vec load_bytes(const T* p) {
    const hn::Rebind<T, F32> bytes;
    return hn::ConvertTo(F32(), hn::PromoteTo(I32(), hn::LoadU(bytes, p)));
}

template <class T>
HWY_INLINE void store_bytes(Vec v, T* p) {
    const hn::Rebind<T, F32> bytes;
    hn::StoreU(hn::DemoteTo(bytes, hn::NearestInt(v)), bytes, p);
}

/// Calls `body(offset)` for whole vectors, and once on copies for what is left: `body` reads and writes lanes()
/// elements.
template <class In, class In2, class Out, class Body>
HWY_INLINE void for_vectors(const In* a, const In2* b, Out* y, std::size_t count, const Body& body) {
    std::size_t i = 0;
    for (; i + lanes() <= count; i += lanes()) body(a + i, b + i, y + i);
    if (i == count) return;
    HWY_ALIGN In left[lanes()] = {};
    HWY_ALIGN In2 right[lanes()] = {};
    HWY_ALIGN Out result[lanes()];
    std::memcpy(left, a + i, (count - i) * sizeof(In));
    std::memcpy(right, b + i, (count - i) * sizeof(In2));
    body(left, right, result);
    std::memcpy(y + i, result, (count - i) * sizeof(Out));
}

template <class Out>
void quantise_to(const Quantise& q, const float* input, Out* output, std::size_t count) {
    const F32 d;
    const Vec scale = hn::Set(d, q.scale), zero = hn::Set(d, q.zero), lowest = hn::Set(d, q.lowest),
              highest = hn::Set(d, q.highest);
    for_vectors(input, input, output, count, [&](const float* x, const float*, Out* y) {
        // Clamped before rounding, so that nothing leaves the range of whole numbers; NaN becomes the lowest number.
        const Vec units = hn::Round(hn::Min(hn::Max(hn::Div(load(x), scale), hn::Set(d, -1e6f)), hn::Set(d, 1e6f)));
        store_bytes(hn::Min(hn::Max(hn::Add(units, zero), lowest), highest), y);
    });
}

template <class A, class B, class Out>
void add_to(const QuantisedAdd& q, const A* a, const B* b, Out* output, std::size_t count) {
    const F32 d;
    const Vec scale_a = hn::Set(d, q.scale_a), scale_b = hn::Set(d, q.scale_b), offset = hn::Set(d, q.offset);
    const Vec lowest = hn::Set(d, q.lowest), highest = hn::Set(d, q.highest);
    for_vectors(a, b, output, count, [&](const A* x, const B* z, Out* y) {
        const Vec sum = hn::MulAdd(load_bytes(x), scale_a, hn::MulAdd(load_bytes(z), scale_b, offset));
        store_bytes(hn::Min(hn::Max(sum, lowest), highest), y);
    });
}

template <class In>
void dequantise_from(const Dequantise& q, const In* input, float* output, std::size_t count) {
    const F32 d;
    const Vec scale = hn::Set(d, q.scale), zero = hn::Set(d, q.zero);
    for_vectors(input, input, output, count,
                [&](const In* x, const In*, float* y) { store(hn::Mul(hn::Sub(load_bytes(x), zero), scale), y); });
}

void quantise_all(const Quantise& q, const float* input, void* output, std::size_t count) {
    if (q.is_signed)
        quantise_to(q, input, static_cast<std::int8_t*>(output), count);
    else
        quantise_to(q, input, static_cast<std::uint8_t*>(output), count);
}

template <class A, class B>
void add_pair(const QuantisedAdd& q, const A* a, const B* b, void* output, std::size_t count) {
    if (q.is_signed)
        add_to(q, a, b, static_cast<std::int8_t*>(output), count);
    else
        add_to(q, a, b, static_cast<std::uint8_t*>(output), count);
}

void add_all(const QuantisedAdd& q, const void* a, const void* b, void* output, std::size_t count) {
    const auto *ua = static_cast<const std::uint8_t*>(a), *ub = static_cast<const std::uint8_t*>(b);
    const auto *sa = static_cast<const std::int8_t*>(a), *sb = static_cast<const std::int8_t*>(b);
    if (q.a_signed)
        q.b_signed ? add_pair(q, sa, sb, output, count) : add_pair(q, sa, ub, output, count);
    else
        q.b_signed ? add_pair(q, ua, sb, output, count) : add_pair(q, ua, ub, output, count);
}

void dequantise_all(const Dequantise& q, const void* input, float* output, std::size_t count) {
    if (q.is_signed)
        dequantise_from(q, static_cast<const std::int8_t*>(input), output, count);
    else
        dequantise_from(q, static_cast<const std::uint8_t*>(input), output, count);
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(quantise_all);
HWY_EXPORT(add_all);
HWY_EXPORT(dequantise_all);

}  // namespace

void quantise(const Quantise& quantise, const float* input, void* output, std::size_t count) noexcept {
    HWY_DYNAMIC_DISPATCH(quantise_all)(quantise, input, output, count);
}

void quantised_add(const QuantisedAdd& add, const void* a, const void* b, void* output, std::size_t count) noexcept {
    HWY_DYNAMIC_DISPATCH(add_all)(add, a, b, output, count);
}

void dequantise(const Dequantise& dequantise, const void* input, float* output, std::size_t count) noexcept {
    HWY_DYNAMIC_DISPATCH(dequantise_all)(dequantise, input, output, count);
}

}  // namespace fovea::backend::cpu::simd
#endif
