#pragma once

#include <cstdint>

namespace fovea::backend::cpu::simd {

/// Rows of a tile register, and bf16 elements in one of its rows.
constexpr int kTileRows = 16, kTileDepth = 32;
constexpr std::int64_t kTileBytes = 1024;

/// The memory that configures the tile registers: palette 1.
struct alignas(64) TileShapes {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);

/// Whether the machine multiplies bf16 tiles and the operating system lets this process do so (asked once).
bool machine_has_tiles();

}  // namespace fovea::backend::cpu::simd
