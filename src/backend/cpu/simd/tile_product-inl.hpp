// Products of bf16 matrices on tile registers, for each of Highway's targets.
#if defined(FOVEA_SIMD_TILE_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_TILE_PRODUCT_INL
#undef FOVEA_SIMD_TILE_PRODUCT_INL
#else
#define FOVEA_SIMD_TILE_PRODUCT_INL
#endif

#include "backend/cpu/simd/tiles-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Up to four tiles of sums: tiles of rows of the left matrix by panels of 16 columns of the right one.
struct TileProduct {
    const std::int64_t* offsets;  ///< bytes from a tile's first row to its elements of a step of 32
    std::int64_t steps;
    const std::byte* left[4];  ///< first row of each tile
    std::int64_t left_step;    ///< bytes between rows
    const std::byte* right;    ///< [step][pair][column]
    std::int64_t right_step;   ///< bytes between panels
    float* sums;               ///< [16 rows of every tile][16 columns of every panel]
    const std::byte* ahead;    ///< fetched into the second-level cache meanwhile
    std::int64_t ahead_step;   ///< bytes of it in a step
};

/// Registers: sums 0 to 3, panels 4 and 5, rows 6 and 7.
template <class Tiles, int kRows, int kParity>
HWY_INLINE void multiply_column(const TileProduct& p, std::int64_t offset, const std::byte* right) {
    Tiles::template load<4 + kParity>(right, 64);
    const auto row = [&]<int kRow>() HWY_ATTR {
        if constexpr (kRow < kRows) {
            Tiles::template load<6 + kRow % 2>(p.left[kRow] + offset, p.left_step);
            Tiles::template multiply_add<kRow, 6 + kRow % 2, 4 + kParity>();
        }
    };
    row.template operator()<0>(), row.template operator()<1>(), row.template operator()<2>(),
        row.template operator()<3>();
}

template <class Tiles, int kRows>
HWY_INLINE void multiply_square(const TileProduct& p, std::int64_t offset, const std::byte* right) {
    Tiles::template load<4>(right, 64);
    Tiles::template load<5>(right + p.right_step, 64);
    Tiles::template load<6>(p.left[0] + offset, p.left_step);
    if constexpr (kRows == 2) Tiles::template load<7>(p.left[1] + offset, p.left_step);
    Tiles::template multiply_add<0, 6, 4>();
    Tiles::template multiply_add<1, 6, 5>();
    if constexpr (kRows == 2) {
        Tiles::template multiply_add<2, 7, 4>();
        Tiles::template multiply_add<3, 7, 5>();
    }
}

/// `beside()` runs after every step.
template <class Tiles, int kRows, int kColumns, class Beside>
HWY_NOINLINE void tile_matrix(const TileProduct& p, Beside beside) {
    Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
    const std::byte *right = p.right, *ahead = p.ahead;
    const auto multiply = [&]<int kParity>(std::int64_t step) HWY_ATTR {
        if constexpr (kColumns == 2)
            multiply_square<Tiles, kRows>(p, p.offsets[step], right);
        else
            multiply_column<Tiles, kRows, kParity>(p, p.offsets[step], right);
        right += kTileBytes;
        for (std::int64_t i = 0; i < p.ahead_step; i += 64) __builtin_prefetch(ahead + i, 0, 2);
        ahead += p.ahead_step;
        beside();
    };
    std::int64_t step = 0;
    for (; step + 2 <= p.steps; step += 2)
        multiply.template operator()<0>(step), multiply.template operator()<1>(step + 1);
    if (step < p.steps) multiply.template operator()<0>(step);
    const auto store = [&]<int kTile>() HWY_ATTR {
        if constexpr (kTile < kRows * kColumns)
            Tiles::template store<kTile>(p.sums + kTile / kColumns * 256 * kColumns + kTile % kColumns * 16,
                                         64 * kColumns);
    };
    store.template operator()<0>(), store.template operator()<1>(), store.template operator()<2>(),
        store.template operator()<3>();
}

/// `rows` by `columns` tiles: up to 4 by 1 or up to 2 by 2.
template <class Tiles, class Beside>
HWY_INLINE void multiply_tiles(const TileProduct& p, std::int64_t rows, std::int64_t columns, const Beside& beside) {
    if (columns == 2) return rows == 2 ? tile_matrix<Tiles, 2, 2>(p, beside) : tile_matrix<Tiles, 1, 2>(p, beside);
    switch (rows) {
        case 1: return tile_matrix<Tiles, 1, 1>(p, beside);
        case 2: return tile_matrix<Tiles, 2, 1>(p, beside);
        case 3: return tile_matrix<Tiles, 3, 1>(p, beside);
        default: return tile_matrix<Tiles, 4, 1>(p, beside);
    }
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
