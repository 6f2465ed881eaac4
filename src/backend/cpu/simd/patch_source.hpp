#pragma once

#include <cstdint>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// Where a convolution reads its input: a channels-last tensor seen through one index table per axis, so that padding
/// and nearest-neighbour upsampling need no pass of their own. Row `y` of the padded, upsampled input is row `rows[y]`
/// of the tensor, or zero where `rows[y] < 0`; columns likewise.
struct PatchSource {
    const void* data = nullptr;
    Pitch pitch;
    int channels = 0;
    const std::int32_t* rows = nullptr;
    const std::int32_t* columns = nullptr;
};

enum class PadMode : std::uint8_t { zero, reflect, edge };

/// Fills `table[0..count)` for an axis of `size` tensor elements, each repeated `upsample` times, with `pad` elements
/// before. Entries beyond the padding after the axis (`pad_after` elements) are -1. Reflection needs pads below the
/// axis' extent.
void fill_source_index(std::int32_t* table, int count, int size, int pad, int pad_after, PadMode mode,
                       int upsample = 1);

}  // namespace fovea::backend::cpu::simd
