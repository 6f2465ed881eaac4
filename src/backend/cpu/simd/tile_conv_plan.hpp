#pragma once

#include "backend/cpu/simd/tile_conv.hpp"
#include "backend/cpu/simd/tiles.hpp"

namespace fovea::backend::cpu::simd {

/// Sizes that follow from a convolution. Pixels of a strip are counted along its padded rows, so that the 16 pixels of
/// a tile lie evenly spaced for every tap of the kernel; what falls between the rows is computed and dropped.
///
/// A strip's input is copied to [channel block][phase][row][column][32 channels]: the phases are the input's rows and
/// columns by their remainder to the stride, which makes every tap a shift. A 1x1 convolution may read it as it stands.
struct TileConvPlan {
    TileConv conv;  ///< with all pixels in one row where the input is read as it stands
    bool direct = false;
    std::int64_t source_blocks[2] = {};  ///< of 32 channels
    std::int64_t blocks = 0, taps = 0, panels = 0;
    std::int64_t halo_rows = 0, padded_width = 0;
    std::int64_t phases_y = 0, phases_x = 0;
    std::int64_t strip_rows = 0;     ///< output rows in a strip, or pixels where the input is read as it stands
    std::int64_t chunk_panels = 0;   ///< panels that one strip of pixels meets before it moves on
    std::int64_t channel_parts = 1;  ///< parts by output channels
    std::int64_t pixel_parts = 1;    ///< parts by pixels
    int tile_rows = 0;               ///< tiles of pixels multiplied together

    TileConvPlan(const TileConv& c, int threads, const TileBlocking& blocking);

    [[nodiscard]] std::int64_t steps() const { return blocks * taps; }
    [[nodiscard]] std::int64_t panel_bytes() const { return steps() * kTileBytes; }
    /// What the parts by pixels share out: rows of all images, or pixels.
    [[nodiscard]] std::int64_t pixel_units() const {
        return direct ? conv.width : std::int64_t{conv.batch} * conv.height;
    }
    [[nodiscard]] std::int64_t phase_bytes() const { return (strip_rows + halo_rows) * padded_width * 64; }
    /// An odd number of cache lines, so that blocks do not share cache sets.
    [[nodiscard]] std::int64_t block_bytes() const { return (phases_y * phases_x * phase_bytes()) | 64; }
    /// Phases lie in the order [remainder of the row][remainder of the column].
    [[nodiscard]] std::int64_t tap_offset(int y, int x) const {
        const std::int64_t row = std::int64_t{y} * conv.dilation_y, column = std::int64_t{x} * conv.dilation_x;
        return (row % conv.stride_y * phases_x + column % conv.stride_x) * phase_bytes() +
               (row / conv.stride_y * padded_width + column / conv.stride_x) * 64;
    }

    // One thread's scratch memory, in bytes.
    [[nodiscard]] std::int64_t sums() const { return 0; }                  ///< of the tiles multiplied last, twice
    [[nodiscard]] std::int64_t offsets() const { return 8 * kTileBytes; }  ///< of the input, by step
    [[nodiscard]] std::int64_t columns() const {
        return offsets() + steps() * 8;
    }                                          ///< of the sources, by padded column
    [[nodiscard]] std::int64_t input() const;  ///< of a strip
    [[nodiscard]] std::int64_t bytes() const;
};

}  // namespace fovea::backend::cpu::simd
