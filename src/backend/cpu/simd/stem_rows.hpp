#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/simd/stem_conv.hpp"

namespace fovea::backend::cpu::simd {

/// How the inputs of one row of filters are laid out. A unit is what one step of the inner loop multiplies: an f32, or
/// a pair of bf16 of neighbouring columns. Rows are split by phase of the stride, so that the units of neighbouring
/// output pixels at one tap are neighbours.
struct StemLayout {
    std::int64_t taps;    ///< units under a filter
    std::int64_t phases;  ///< of a row
    std::int64_t width;   ///< units of a phase, whole vectors
    std::int64_t row;     ///< units of a row: [channel][phase][position]
    std::int64_t line;    ///< floats of a padded input row and what vectors may read behind it
    int columns;          ///< kernel columns in a unit
    explicit StemLayout(const StemConv& conv);
    /// First kernel column of phase `i`.
    [[nodiscard]] std::int64_t phase_column(std::int64_t i) const { return i * phase_step; }
    std::int64_t phase_step;
};

/// The input rows under one row of filters. They stay in their slot of a ring while the filters slide down, so each
/// input row is read and converted once.
class StemRows {
  public:
    /// Works in `memory` of `bytes(conv)` bytes, aligned to 64 bytes.
    StemRows(const StemConv& conv, std::byte* memory);
    static std::size_t bytes(const StemConv& conv);

    /// Loads what output row `y` of `image` needs.
    void advance(int image, int y);
    [[nodiscard]] const float* data() const { return rows_; }
    /// Where each tap's unit for output pixel 0 starts, in the order of the weights: [channel][kernel y][kernel x].
    [[nodiscard]] const std::int32_t* offsets() const { return offsets_; }

  private:
    void set_offsets(int kernel_row, int slot);

    const StemConv& conv_;
    StemLayout layout_;
    float* rows_;
    float* line_;
    std::int32_t* offsets_;
    std::int32_t* held_;  ///< input row in each slot
    int image_ = -1;
};

}  // namespace fovea::backend::cpu::simd
