#include "backend/cpu/simd/upsampled_conv.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    int batch, channels, in_height, in_width, resized_height, resized_width, kernel_height, kernel_width, pad_y, pad_x;
    DType type, output_type;
};

class Problem {
  public:
    explicit Problem(const Case& c)
        : c_(c),
          out_height_(c.resized_height + 2 * c.pad_y - c.kernel_height + 1),
          out_width_(c.resized_width + 2 * c.pad_x - c.kernel_width + 1),
          pixel_(c.channels + 3),
          input_(c.type, std::int64_t{c.batch} * c.in_height * c.in_width * pixel_),
          filter_(DType::f32, std::int64_t{c.channels} * c.kernel_height * c.kernel_width),
          rows_(static_cast<std::size_t>(c.resized_height)),
          columns_(static_cast<std::size_t>(c.resized_width)) {
        input_.randomise(1), filter_.randomise(2);
        fill_linear_taps(rows_.data(), c.in_height, c.resized_height, 1.0 * c.resized_height / c.in_height,
                         Coordinates::half_pixel);
        fill_linear_taps(columns_.data(), c.in_width, c.resized_width, 1.0 * c.resized_width / c.in_width,
                         Coordinates::half_pixel);
    }

    void check(int threads) {
        const UpsampledColumns columns(columns_.data(), c_.resized_width, c_.pad_x, out_width_ + c_.kernel_width - 1);
        UpsampledConv conv;
        conv.batch = c_.batch, conv.channels = c_.channels;
        conv.in_height = c_.in_height, conv.in_width = c_.in_width, conv.resized_height = c_.resized_height;
        conv.out_height = out_height_, conv.out_width = out_width_;
        conv.kernel_height = c_.kernel_height, conv.kernel_width = c_.kernel_width, conv.pad_top = c_.pad_y;
        conv.type = c_.type, conv.output_type = c_.output_type;
        conv.input = input_.data();
        conv.input_pitch = {std::int64_t{c_.in_height} * c_.in_width * pixel_, c_.in_width * pixel_, pixel_};
        conv.rows = rows_.data(), conv.columns = &columns;
        conv.bias = 0.25f, conv.activation = Activation::sigmoid;
        Buffer weights(DType::f32, static_cast<std::int64_t>(upsampled_packed_size(conv)));
        upsampled_pack(conv, filter_.floats(), weights.floats());
        conv.weights = weights.floats();
        const std::int64_t size = std::int64_t{c_.batch} * out_height_ * out_width_;
        Buffer output(c_.output_type, size + 1);
        conv.output = output.data();
        Buffer workspace(DType::f32, static_cast<std::int64_t>(upsampled_workspace(conv, threads) / 4));
        upsampled_conv(conv, workspace.data(), threads);
        ErrorMeasure error;
        for (std::int64_t i = 0; i < size; i++) error.add(output.get(i), expected(i));
        EXPECT_LE(error.value(), tolerance(c_.output_type, 1e-5));
        EXPECT_TRUE(std::isnan(output.get(size)));
    }

  private:
    [[nodiscard]] double resized(std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t channel) const {
        const LinearTap row = rows_[static_cast<std::size_t>(y)], column = columns_[static_cast<std::size_t>(x)];
        const auto at = [&](std::int64_t i, std::int64_t k) {
            return static_cast<double>(input_.get(((n * c_.in_height + i) * c_.in_width + k) * pixel_ + channel));
        };
        const auto along = [&](std::int64_t i) {
            return at(i, column.first) * (1.0 - column.weight) + at(i, column.second) * column.weight;
        };
        return along(row.first) * (1.0 - row.weight) + along(row.second) * row.weight;
    }

    [[nodiscard]] double expected(std::int64_t i) const {
        const std::int64_t x = i % out_width_, y = i / out_width_ % out_height_, n = i / out_width_ / out_height_;
        double sum = 0.25;
        for (std::int64_t ky = 0; ky < c_.kernel_height; ky++)
            for (std::int64_t kx = 0; kx < c_.kernel_width; kx++) {
                const std::int64_t row = y + ky - c_.pad_y, column = x + kx - c_.pad_x;
                if (row < 0 || row >= c_.resized_height || column < 0 || column >= c_.resized_width) continue;
                for (std::int64_t channel = 0; channel < c_.channels; channel++)
                    sum += resized(n, row, column, channel) *
                           filter_.get((channel * c_.kernel_height + ky) * c_.kernel_width + kx);
            }
        return 1 / (1 + std::exp(-sum));
    }

    Case c_;
    int out_height_, out_width_;
    std::int64_t pixel_;
    Buffer input_, filter_;
    std::vector<LinearTap> rows_, columns_;
};

TEST(UpsampledConv, MatchesItsDefinition) {
    using enum DType;
    const Case cases[] = {
        {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, f32, f32},      {2, 16, 5, 7, 20, 28, 3, 3, 1, 1, f32, f32},
        {1, 19, 4, 33, 9, 70, 3, 3, 0, 0, bf16, bf16}, {1, 64, 9, 40, 36, 160, 3, 3, 1, 1, bf16, f32},
        {1, 5, 6, 6, 13, 17, 5, 4, 2, 3, f32, bf16},   {1, 3, 30, 20, 15, 50, 1, 3, 0, 4, f32, f32},
        {1, 19, 4, 33, 9, 70, 3, 3, 0, 0, f16, f16},   {1, 5, 6, 6, 13, 17, 5, 4, 2, 3, f32, f16},
    };
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const Case& c : cases) {
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            Problem problem(c);
            problem.check(1), problem.check(2);
        }
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
