#include "backend/cpu/simd/pool.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

/// The definition, element by element.
double expected(const Pool& p, const Buffer& input, int n, int y, int x, int channel) {
    double best = -INFINITY, sum = 0;
    int inside = 0, padded = 0;
    for (int i = 0; i < p.kernel_height; i++)
        for (int j = 0; j < p.kernel_width; j++) {
            const int row = y * p.stride_y - p.pad_top + i * p.dilation_y,
                      column = x * p.stride_x - p.pad_left + j * p.dilation_x;
            padded += row < p.in_height + p.pad_bottom && column < p.in_width + p.pad_right;
            if (row < 0 || row >= p.in_height || column < 0 || column >= p.in_width) continue;
            const double value =
                input.get(n * p.input_pitch.image + row * p.input_pitch.row + column * p.input_pitch.pixel + channel);
            best = std::max(best, value), sum += value, inside++;
        }
    if (p.kind == Pool::Kind::max) return best;
    return sum / (p.kind == Pool::Kind::average ? inside : padded);
}

void check(Pool p, int threads) {
    const int in_pixel = p.channels + 3, out_pixel = p.channels + 1;
    Buffer input(p.type, std::int64_t{p.batch} * p.in_height * p.in_width * in_pixel);
    Buffer output(p.type, std::int64_t{p.batch} * p.out_height * p.out_width * out_pixel);
    input.randomise(1);
    p.input = input.data(), p.input_pitch = dense_pitch(p.in_height, p.in_width, in_pixel);
    p.output = output.data(), p.output_pitch = dense_pitch(p.out_height, p.out_width, out_pixel);
    pool(p, threads);
    ErrorMeasure error;
    std::int64_t at = 0;
    for (int n = 0; n < p.batch; n++)
        for (int y = 0; y < p.out_height; y++)
            for (int x = 0; x < p.out_width; x++, at++) {
                for (int k = 0; k < p.channels; k++)
                    error.add(output.get(at * out_pixel + k), expected(p, input, n, y, x, k));
                ASSERT_TRUE(std::isnan(output.get(at * out_pixel + p.channels)));
            }
    EXPECT_LE(error.value(), p.kind == Pool::Kind::max ? 0 : tolerance(p.type, 1e-6));
}

TEST(Pool, MatchesItsDefinition) {
    using enum Pool::Kind;
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        SCOPED_TRACE(std::string(target_name()));
        for (const DType type : kStoredTypes)
            for (const Pool::Kind kind : {max, average, average_padded}) {
                check({kind, 2, 75, 9, 12, 5, 6, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, type}, 1);
                check({kind, 1, 130, 8, 8, 4, 4, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0, type}, 2);
                check({kind, 1, 5, 7, 10, 4, 9, 5, 3, 2, 1, 1, 2, 2, 2, 2, 1, type}, 2);
                // Windows that reach beyond the padded extent, as with rounding up.
                check({kind, 1, 16, 5, 5, 3, 3, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, type}, 1);
            }
    }
}

TEST(GlobalAveragePool, MatchesItsDefinition) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const DType type : kStoredTypes)
            for (const int channels : {1, 64, 77, 200}) {
                GlobalAveragePool p{2, channels, 7, 9, type};
                Buffer input(type, std::int64_t{2} * 63 * (channels + 1)), output(type, 2 * (channels + 2));
                input.randomise(1);
                p.input = input.data(), p.input_pitch = dense_pitch(7, 9, channels + 1);
                p.output = output.data(), p.output_pitch = channels + 2;
                global_average_pool(p, 2);
                ErrorMeasure error;
                for (int n = 0; n < 2; n++)
                    for (int c = 0; c < channels; c++) {
                        double sum = 0;
                        for (int i = 0; i < 63; i++) sum += input.get((n * 63 + i) * (channels + 1) + c);
                        error.add(output.get(n * (channels + 2) + c), sum / 63);
                    }
                EXPECT_LE(error.value(), tolerance(type, 1e-6)) << target_name();
                EXPECT_TRUE(std::isnan(output.get(channels)));
            }
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
