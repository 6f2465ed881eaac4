// The register-blocked f32 matrix product that convolutions, products and attention share, for each of Highway's
// targets.
#if defined(FOVEA_SIMD_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_PRODUCT_INL
#undef FOVEA_SIMD_PRODUCT_INL
#else
#define FOVEA_SIMD_PRODUCT_INL
#endif

#include <utility>

#include "backend/cpu/simd/units-inl.hpp"
#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Most rows of a register tile: with two vectors a row, accumulators, one row of B and one broadcast fill the
/// registers.
#if HWY_TARGET == HWY_AVX3
constexpr int kMaxRows = 14;
#else
constexpr int kMaxRows = 6;
#endif
/// Vectors across a register tile.
constexpr int kTileVectors = 2;

/// C = A B for one register tile of kRows x (kVectors lanes()). A step of the inner dimension takes a unit (see
/// units-inl.hpp) of A and B: an f32 or a pair of bf16. A: `blocks` blocks of [kRows][lanes()] units: lanes() steps of
/// the inner dimension for each row. B: [blocks lanes()][kVectors lanes()] units. C: rows `c_pitch` floats apart,
/// vectors of a row `c_step` apart.
template <class Units, int kRows, int kVectors>
HWY_NOINLINE void tile_product(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::size_t blocks,
                               float* HWY_RESTRICT c, std::size_t c_pitch, std::size_t c_step) {
    const F32 d;
    constexpr std::size_t kLanes = lanes();
    Vec sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) sum[r][v] = hn::Zero(d);
    for (std::size_t block = 0; block < blocks; block++, a += kRows * kLanes) {
#pragma GCC unroll 1
        for (std::size_t step = 0; step < kLanes; step++, b += kVectors * kLanes) {
            Vec row[kVectors];
#pragma GCC unroll 2
            for (int v = 0; v < kVectors; v++) row[v] = hn::LoadU(d, b + v * kLanes);
#pragma GCC unroll 16
            for (int r = 0; r < kRows; r++) {
                const Vec x = hn::Set(d, a[r * kLanes + step]);
#pragma GCC unroll 2
                for (int v = 0; v < kVectors; v++) sum[r][v] = Units::multiply_add(x, row[v], sum[r][v]);
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) hn::StoreU(sum[r][v], d, c + r * c_pitch + v * c_step);
}

using TileProduct = void (*)(const float*, const float*, std::size_t, float*, std::size_t, std::size_t);

template <class Units, int... kRows>
HWY_INLINE TileProduct tile_product_of(int rows, int vectors, std::integer_sequence<int, kRows...>) {
    static constexpr TileProduct kTable[2][sizeof...(kRows)] = {{tile_product<Units, kRows + 1, 1>...},
                                                                {tile_product<Units, kRows + 1, 2>...}};
    return kTable[vectors - 1][rows - 1];
}

/// The kernel for `rows` in [1, kMaxRows] and `vectors` in [1, kTileVectors].
template <class Units>
HWY_INLINE TileProduct tile_product_of(int rows, int vectors) {
    return tile_product_of<Units>(rows, vectors, std::make_integer_sequence<int, kMaxRows>());
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
