#pragma once

#include <algorithm>

#include "backend/cpu/simd/winograd.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cpu::simd {

/// Points at which a tile's product is evaluated: 6x6.
constexpr int kWinogradPoints = 36;

/// Products in i16: channels whose products are summed in i32, and the largest magnitude of transformed input. A
/// chunk's weights have a sum of magnitudes of at most `kWordSum`, so that no sum overflows.
constexpr int kWordChunk = 64;
constexpr float kWordRange = 16384;
constexpr double kWordSum = 131072 - kWordChunk;

/// Sizes that follow from a convolution and the machine's vector width; all of them in units or counts.
struct WinogradPlan {
    int lanes, max_rows;            ///< of the machine's vectors and register tiles
    std::int64_t unit_channels;     ///< channels in a unit of 32 bits: one f32 or two i16
    std::int64_t source_blocks[2];  ///< channel blocks of `lanes` units of each source
    std::int64_t source_chunks[2];  ///< chunks of `kWordChunk` channels of each source; none of f32
    std::int64_t blocks;            ///< of both sources
    std::int64_t panel_width;       ///< output channels a panel holds
    std::int64_t panels;
    std::int64_t out_vectors;                     ///< vectors of output channels
    std::int64_t tile_rows, tile_columns, tiles;  ///< of the output, tiles over the whole batch
    bool shared;
    std::int64_t block_tiles;  ///< tiles in a block
    int threads;               ///< parts the work is cut into

    [[nodiscard]] std::int64_t depth() const { return blocks * lanes; }  ///< units
    [[nodiscard]] std::int64_t chunks() const { return source_chunks[0] + source_chunks[1]; }
    /// Rows of the register tiles into which `count` tiles are grouped.
    [[nodiscard]] std::int64_t group_rows(std::int64_t count) const {
        return base::ceil_div(count, base::ceil_div(count, std::int64_t{max_rows}));
    }
    /// Distance between two points of transformed input; odd in vectors, so that points do not share cache sets.
    [[nodiscard]] std::int64_t input_point(std::int64_t count) const {
        return count * depth() + (count * blocks % 2 ? 0 : lanes);
    }
    /// Distance between two points of a panel of products.
    [[nodiscard]] std::int64_t product_point(std::int64_t count) const { return count * panel_width + lanes; }
    [[nodiscard]] std::int64_t input_size() const { return kWinogradPoints * (input_point(block_tiles) + lanes); }
    [[nodiscard]] std::int64_t product_size() const { return kWinogradPoints * product_point(block_tiles); }
    /// Offset of (panel, point) in the packed weights.
    [[nodiscard]] std::int64_t weight_offset(std::int64_t panel, std::int64_t point, std::int64_t width) const {
        return panel * kWinogradPoints * depth() * panel_width + point * depth() * width;
    }
    /// Offset of the output channels' scales, behind the packed weights.
    [[nodiscard]] std::int64_t scale_offset() const { return kWinogradPoints * depth() * out_vectors * lanes; }
    /// Vectors across panel `panel` of `out_channels`.
    [[nodiscard]] int panel_vectors(std::int64_t panel, int out_channels) const {
        const std::int64_t left = out_channels - panel * panel_width;
        return static_cast<int>(std::min(base::ceil_div(left, std::int64_t{lanes}), panel_width / lanes));
    }
};

/// A block of tiles on its way through the three steps.
struct WinogradBlock {
    std::int64_t first, count;  ///< tiles
    float* input;               ///< [point][group][channel block][group row][lanes] units
    float* product;             ///< [panel][point][tile][panel width]
    float* scales;              ///< of i16: [group][chunk][group row]
};

/// The sizes that packed weights depend on; the others are zero.
WinogradPlan weight_plan(const WinogradConv& conv);

}  // namespace fovea::backend::cpu::simd
