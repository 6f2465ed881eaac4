// The register-blocked product of pairs of i16, for each of Highway's targets.
#if defined(FOVEA_SIMD_WORD_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_WORD_PRODUCT_INL
#undef FOVEA_SIMD_WORD_PRODUCT_INL
#else
#define FOVEA_SIMD_WORD_PRODUCT_INL
#endif

#include "backend/cpu/simd/product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

using WordProduct = void (*)(const float*, const float*, std::size_t, const float*, float*, std::size_t);

#if HWY_TARGET == HWY_AVX3
constexpr bool kWordProducts = true;

/// C = scale A B, or C += scale A B, for one register tile of kRows x (kVectors lanes()). A and B hold pairs of i16,
/// laid out as `tile_product` takes its units, in `steps` steps; their products are summed in i32. C: f32, rows
/// `c_pitch` apart. `scales`: one f32 per row. The instruction is written as such because functions for a further
/// instruction set cannot be inlined into Highway's.
template <int kRows, int kVectors, bool kFirst>
HWY_NOINLINE void word_product(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::size_t steps,
                               const float* HWY_RESTRICT scales, float* HWY_RESTRICT c, std::size_t c_pitch) {
    const F32 d;
    constexpr std::size_t kLanes = lanes();
    Vec sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) sum[r][v] = hn::Zero(d);
    for (; steps > 0; a += kRows * kLanes) {
        const std::size_t count = steps < kLanes ? steps : kLanes;
        steps -= count;
#pragma GCC unroll 1
        for (std::size_t step = 0; step < count; step++, b += kVectors * kLanes) {
            Vec row[kVectors];
#pragma GCC unroll 2
            for (int v = 0; v < kVectors; v++) row[v] = hn::LoadU(d, b + v * kLanes);
#pragma GCC unroll 16
            for (int r = 0; r < kRows; r++) {
                const Vec x = hn::Set(d, a[r * kLanes + step]);
#pragma GCC unroll 2
                for (int v = 0; v < kVectors; v++)
                    asm("vpdpwssd %2, %1, %0" : "+v"(sum[r][v].raw) : "v"(x.raw), "v"(row[v].raw));
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r++) {
        const Vec scale = hn::Set(d, scales[r]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) {
            float* to = c + r * c_pitch + v * kLanes;
            const Vec value = hn::ConvertTo(d, hn::BitCast(I32(), sum[r][v]));
            hn::StoreU(kFirst ? hn::Mul(value, scale) : hn::MulAdd(value, scale, hn::LoadU(d, to)), d, to);
        }
    }
}

template <int... kRows>
HWY_INLINE WordProduct word_product_of(int rows, int vectors, bool first, std::integer_sequence<int, kRows...>) {
    static constexpr WordProduct kTable[2][2][sizeof...(kRows)] = {
        {{word_product<kRows + 1, 1, false>...}, {word_product<kRows + 1, 2, false>...}},
        {{word_product<kRows + 1, 1, true>...}, {word_product<kRows + 1, 2, true>...}}};
    return kTable[first][vectors - 1][rows - 1];
}

/// The kernel for `rows` in [1, kMaxRows] and `vectors` in [1, kTileVectors]; `first` overwrites C.
HWY_INLINE WordProduct word_product_of(int rows, int vectors, bool first) {
    return word_product_of(rows, vectors, first, std::make_integer_sequence<int, kMaxRows>());
}
#else
constexpr bool kWordProducts = false;
HWY_INLINE WordProduct word_product_of(int, int, bool) { return nullptr; }
#endif

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
