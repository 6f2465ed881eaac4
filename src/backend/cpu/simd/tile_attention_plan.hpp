#pragma once

#include <algorithm>

#include "backend/cpu/simd/attention.hpp"
#include "backend/cpu/simd/tiles.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cpu::simd {

/// Sizes that follow from an attention's shape, and one thread's scratch memory in bytes. Two tiles of query rows go
/// through the keys together, a chunk of keys at a time.
struct TileAttentionPlan {
    /// Keys whose scores are computed before their probabilities are used: twice that fits a first-level cache.
    static constexpr std::int64_t kChunk = 128;
    static constexpr std::int64_t kMostRows = 2 * kTileRows;
    static constexpr std::int64_t kScorePitch = kChunk + 16;  ///< floats of a row; not a power of two

    std::int64_t groups, tile_rows;  ///< groups of query rows of a head, and rows of each of a group's two tiles
    std::int64_t depth_blocks;       ///< of 32 elements of a row of Q and K
    std::int64_t key_steps;          ///< of 32 keys
    std::int64_t value_pairs;        ///< of 32 elements of a row of V

    explicit TileAttentionPlan(const Attention& a) {
        groups = base::ceil_div(a.queries, kMostRows);
        tile_rows = base::ceil_div(a.queries, 2 * groups);
        depth_blocks = base::ceil_div(a.width, kTileDepth);
        key_steps = base::ceil_div(a.keys, 32);
        value_pairs = base::ceil_div(a.value_width, 32);
    }
    [[nodiscard]] std::int64_t rows() const { return 2 * tile_rows; }
    [[nodiscard]] std::int64_t value_pitch() const { return 32 * value_pairs; }

    [[nodiscard]] std::int64_t keys() const { return 0; }  ///< [16 keys][depth block][tile]
    [[nodiscard]] std::int64_t values() const {            ///< [16 columns][step][tile]
        return 2 * key_steps * depth_blocks * kTileBytes;
    }
    [[nodiscard]] std::int64_t query() const {  ///< bf16 [depth block][row][32]
        return values() + 2 * value_pairs * key_steps * kTileBytes;
    }
    [[nodiscard]] std::int64_t scores() const {  ///< f32 [row][key] of two chunks; probabilities take their place
        return query() + depth_blocks * kMostRows * 64;
    }
    [[nodiscard]] std::int64_t output() const { return scores() + 2 * kMostRows * kScorePitch * 4; }  ///< [row][column]
    [[nodiscard]] std::int64_t size() const { return output() + kMostRows * value_pitch() * 4; }
};

}  // namespace fovea::backend::cpu::simd
