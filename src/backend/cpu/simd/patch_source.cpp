#include "backend/cpu/simd/patch_source.hpp"

#include <algorithm>

namespace fovea::backend::cpu::simd {

void fill_source_index(std::int32_t* table, int count, int size, int pad, int pad_after, PadMode mode, int upsample) {
    const int extent = size * upsample;
    for (int i = 0; i < count; i++) {
        int at = i - pad;
        const bool outside = at < 0 || at >= extent;
        if (at >= extent + pad_after || (outside && mode == PadMode::zero)) {
            table[i] = -1;
            continue;
        }
        if (mode == PadMode::edge)
            at = std::clamp(at, 0, extent - 1);
        else if (at < 0)
            at = -at;
        else if (at >= extent)
            at = 2 * (extent - 1) - at;
        table[i] = at / upsample;
    }
}

}  // namespace fovea::backend::cpu::simd
