#pragma once

#include "backend/cpu/simd/patch_source.hpp"
#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {

/// Index of padded coordinate `at` in a tensor axis of `size`, -1 for zero: an independent statement of the index
/// tables.
inline int source_at(int at, int size, PadMode mode, int upsample) {
    const int extent = size * upsample;
    if (at < 0 || at >= extent) {
        if (mode == PadMode::zero) return -1;
        if (mode == PadMode::edge)
            at = at < 0 ? 0 : extent - 1;
        else
            at = at < 0 ? -at : 2 * extent - 2 - at;
    }
    return at / upsample;
}

/// Sizes of a 3x3 convolution of two concatenated sources, the first of them upsampled.
struct PatchCase {
    int batch, height, width, channels_a, channels_b, out_channels, pad;
    PadMode mode;
    int upsample;
    DType type;
};

/// Random sources and filters for a `PatchCase`, and the convolution's result in double, before bias and activation.
class PatchProblem {
  public:
    explicit PatchProblem(const PatchCase& c)
        : case_(c),
          in_h_(c.height + 2 - 2 * c.pad),
          in_w_(c.width + 2 - 2 * c.pad),
          a_(c.type, std::int64_t{c.batch} * (in_h_ / c.upsample) * (in_w_ / c.upsample) * (c.channels_a + 3)),
          b_(c.type, std::int64_t{c.batch} * in_h_ * in_w_ * (c.channels_b + 5)),
          filters_(DType::f32, std::int64_t{c.out_channels} * (c.channels_a + c.channels_b) * 9) {
        a_.randomise(1), b_.randomise(2), filters_.randomise(3);
        a_numbers_ = a_.numbers(), b_numbers_ = b_.numbers();
        const std::vector<double> weights = filters_.numbers();
        for (int n = 0; n < c.batch; n++)
            for (int y = 0; y < c.height; y++)
                for (int x = 0; x < c.width; x++) add_pixel(weights, n, y, x);
    }

    [[nodiscard]] const PatchCase& sizes() const { return case_; }
    [[nodiscard]] const float* filters() { return filters_.floats(); }
    /// [image][row][column][channel]
    [[nodiscard]] const std::vector<double>& expected() const { return expected_; }

    /// Fills `sources` and the index tables behind them, of the given sizes.
    void describe(PatchSource* sources, int table_rows, int table_columns) {
        const int a_h = in_h_ / case_.upsample, a_w = in_w_ / case_.upsample;
        const int sizes[4] = {a_h, a_w, in_h_, in_w_};
        for (int i = 0; i < 4; i++) {
            tables_[i].resize(static_cast<std::size_t>(i % 2 ? table_columns : table_rows));
            fill_source_index(tables_[i].data(), static_cast<int>(tables_[i].size()), sizes[i], case_.pad, case_.pad,
                              case_.mode, i < 2 ? case_.upsample : 1);
        }
        sources[0] = {a_.data(), dense_pitch(a_h, a_w, case_.channels_a + 3), case_.channels_a, tables_[0].data(),
                      tables_[1].data()};
        if (case_.channels_b > 0)
            sources[1] = {b_.data(), dense_pitch(in_h_, in_w_, case_.channels_b + 5), case_.channels_b,
                          tables_[2].data(), tables_[3].data()};
    }

  private:
    double input(int n, int y, int x, int channel) {
        const bool second = channel >= case_.channels_a;
        const int upsample = second ? 1 : case_.upsample, h = in_h_ / upsample, w = in_w_ / upsample;
        const int row = source_at(y, h, case_.mode, upsample), column = source_at(x, w, case_.mode, upsample);
        if (row < 0 || column < 0) return 0;
        const std::int64_t pixel = (std::int64_t{n} * h + row) * w + column;
        return second ? b_numbers_[pixel * (case_.channels_b + 5) + channel - case_.channels_a]
                      : a_numbers_[pixel * (case_.channels_a + 3) + channel];
    }

    void add_pixel(const std::vector<double>& weights, int n, int y, int x) {
        std::vector<double> patch;
        for (int c = 0; c < case_.channels_a + case_.channels_b; c++)
            for (int i = 0; i < 9; i++) patch.push_back(input(n, y + i / 3 - case_.pad, x + i % 3 - case_.pad, c));
        for (int k = 0; k < case_.out_channels; k++) {
            double sum = 0;
            for (std::size_t i = 0; i < patch.size(); i++) sum += patch[i] * weights[k * patch.size() + i];
            expected_.push_back(sum);
        }
    }

    PatchCase case_;
    int in_h_, in_w_;
    Buffer a_, b_, filters_;
    std::vector<double> a_numbers_, b_numbers_, expected_;
    std::vector<std::int32_t> tables_[4];
};

}  // namespace fovea::backend::cpu::simd
