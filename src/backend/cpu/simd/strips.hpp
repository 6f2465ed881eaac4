#pragma once

#include <algorithm>
#include <cstdint>

#include "base/checked.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {

/// Output columns in a strip, a multiple of 8, so that the input rows under it (`column_bytes` a column) stay in a part
/// of a core's second-level cache while the strip is walked downwards.
inline int strip_columns(std::int64_t column_bytes, int width) {
    const std::int64_t columns =
        std::max<std::int64_t>(384 * 1024 / std::max<std::int64_t>(column_bytes, 1) / 8 * 8, 32);
    return static_cast<int>(std::min<std::int64_t>(columns, base::round_up(width, 8)));
}

/// Calls `row(image, y, begin, end)` for all rows of all strips of [begin, end) columns, downwards strip by strip, on
/// `threads` threads.
template <class Row>
void for_each_strip(std::int64_t batch, int height, int width, int strip, int threads, const Row& row) {
    const std::int64_t strips = base::ceil_div(width, strip), work = batch * strips * height;
    base::parallel_for(threads, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        for (std::int64_t i = work * first_part / threads; i < work * last_part / threads; i++) {
            const int begin = static_cast<int>(i / height % strips) * strip;
            row(i / (height * strips), static_cast<int>(i % height), begin, std::min(begin + strip, width));
        }
    });
}

}  // namespace fovea::backend::cpu::simd
