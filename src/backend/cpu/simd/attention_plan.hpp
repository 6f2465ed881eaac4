#pragma once

#include <algorithm>

#include "backend/cpu/simd/attention.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cpu::simd {

/// Sizes that follow from an attention's shape and the machine's vectors, and one thread's scratch memory. A unit is an
/// f32, or a pair of bf16 that the inner loops multiply together.
struct AttentionPlan {
    /// Keys whose scores are computed before their probabilities are used: with one tile of query rows they fit a
    /// first-level cache.
    static constexpr std::int64_t kChunk = 384;

    std::int64_t lanes, panel;  ///< of a vector; columns of a register tile
    std::int64_t columns;       ///< elements in a unit
    std::int64_t rows;          ///< query rows of a register tile
    std::int64_t depth;         ///< units of a row of Q and K, whole vectors
    std::int64_t keys;          ///< whole panels
    std::int64_t value_lanes;   ///< floats of a row of V and of the output, whole vectors
    std::int64_t groups;        ///< tiles of query rows of one head

    AttentionPlan(const Attention& a, int vector_lanes, int most_rows)
        : lanes(vector_lanes), panel(2 * vector_lanes), columns(a.multiply == DType::bf16 ? 2 : 1) {
        groups = base::ceil_div(a.queries, most_rows);
        rows = base::ceil_div(a.queries, groups);
        depth = base::round_up(base::ceil_div(a.width, columns), lanes);
        keys = base::round_up(a.keys, panel);
        value_lanes = base::round_up(a.value_width, lanes);
    }

    // Offsets in floats of the parts of one thread's memory.
    [[nodiscard]] std::int64_t key_panels() const { return 0; }  ///< [panel][depth][panel width]
    [[nodiscard]] std::int64_t value_panels() const {
        return keys * depth;
    }  ///< [value panel][key unit][width of the panel]
    [[nodiscard]] std::int64_t query() const {
        return value_panels() + keys / columns * value_lanes;
    }                                                                             ///< [block][row][lanes]
    [[nodiscard]] std::int64_t scores() const { return query() + rows * depth; }  ///< [vector of keys][row][lanes]
    [[nodiscard]] std::int64_t output() const { return scores() + rows * (kChunk + panel); }  ///< [row][value_lanes]
    [[nodiscard]] std::int64_t product() const { return output() + rows * value_lanes; }      ///< [row][value_lanes]
    [[nodiscard]] std::int64_t staged() const { return product() + rows * value_lanes; }      ///< [panel][depth]
    [[nodiscard]] std::int64_t size() const { return base::round_up(staged() + panel * depth, 16); }
};

}  // namespace fovea::backend::cpu::simd
