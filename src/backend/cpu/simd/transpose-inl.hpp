// Transposition of four rows in registers, for each of Highway's targets.
#if defined(FOVEA_SIMD_TRANSPOSE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_TRANSPOSE_INL
#undef FOVEA_SIMD_TRANSPOSE_INL
#else
#define FOVEA_SIMD_TRANSPOSE_INL
#endif

#include <cstring>

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Stores the groups of four lanes of `v`, `step` elements apart, as T.
template <class T>
HWY_INLINE void store_fours(Vec v, T* to, std::int64_t step) {
    HWY_ALIGN T fours[lanes() + 4];
    if constexpr (std::is_same_v<T, float>)
        hn::Store(v, F32(), fours);
    else
        hn::Store(to_bf16(v), U16(), fours);
    for (std::size_t i = 0; i < lanes(); i += 4, to += step) std::memcpy(to, fours + i, 4 * sizeof(T));
}

/// to[column][row] = x[row][column] for four rows and lanes() columns (one column on a target without vectors).
template <class T, class Out>
HWY_INLINE void transpose_four(const T* x, std::int64_t pitch, Out* to, std::int64_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
    (void)to_pitch;
    for (int row = 0; row < 4; row++) store_number(number(x[row * pitch]), to + row);
#else
    const F32 d;
    const Vec a = load(x), b = load(x + pitch), c = load(x + 2 * pitch), e = load(x + 3 * pitch);
    const Vec low_ac = hn::InterleaveLower(d, a, c), high_ac = hn::InterleaveUpper(d, a, c);
    const Vec low_be = hn::InterleaveLower(d, b, e), high_be = hn::InterleaveUpper(d, b, e);
    store_fours(hn::InterleaveLower(d, low_ac, low_be), to, 4 * to_pitch);
    store_fours(hn::InterleaveUpper(d, low_ac, low_be), to + to_pitch, 4 * to_pitch);
    store_fours(hn::InterleaveLower(d, high_ac, high_be), to + 2 * to_pitch, 4 * to_pitch);
    store_fours(hn::InterleaveUpper(d, high_ac, high_be), to + 3 * to_pitch, 4 * to_pitch);
#endif
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
