#include "backend/cpu/simd/resize.hpp"

#include "backend/cpu/simd/patch_source.hpp"
#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    int batch, channels, in_h, in_w, out_h, out_w;
    Coordinates coordinates;
    bool residual, dense;
    DType type;
};

/// Source coordinate of an output index, from the operator's specification.
double coordinate(Coordinates c, int i, int in, int out) {
    const double scale = static_cast<double>(out) / in;
    switch (c) {
        case Coordinates::half_pixel: return (i + 0.5) / scale - 0.5;
        case Coordinates::pytorch_half_pixel: return out > 1 ? (i + 0.5) / scale - 0.5 : 0;
        case Coordinates::align_corners: return out > 1 ? i * (in - 1.0) / (out - 1.0) : 0;
        default: return i / scale;
    }
}

void check(const Case& c, int threads) {
    const int gap = c.dense ? 0 : 3;
    Buffer input(c.type, std::int64_t{c.batch} * c.in_h * c.in_w * (c.channels + gap));
    Buffer residual(c.type, std::int64_t{c.batch} * c.out_h * c.out_w * (c.channels + gap));
    Buffer output(c.type, std::int64_t{c.batch} * c.out_h * c.out_w * (c.channels + gap));
    input.randomise(1), residual.randomise(2);
    std::vector<LinearTap> rows(c.out_h), columns(c.out_w);
    fill_linear_taps(rows.data(), c.in_h, c.out_h, static_cast<double>(c.out_h) / c.in_h, c.coordinates);
    fill_linear_taps(columns.data(), c.in_w, c.out_w, static_cast<double>(c.out_w) / c.in_w, c.coordinates);
    BilinearResize r{c.batch, c.channels, c.in_h, c.in_w, c.out_h, c.out_w, c.type};
    r.input = input.data(), r.input_pitch = dense_pitch(c.in_h, c.in_w, c.channels + gap);
    r.rows = rows.data(), r.columns = columns.data();
    r.output = output.data(), r.output_pitch = dense_pitch(c.out_h, c.out_w, c.channels + gap);
    r.epilogue.activation = Activation::relu;
    if (c.residual) r.epilogue.residual = residual.data(), r.epilogue.residual_pitch = r.output_pitch;
    Buffer workspace(DType::f32, static_cast<std::int64_t>(bilinear_resize_workspace(r, threads) / 4));
    bilinear_resize(r, workspace.data(), threads);
    ErrorMeasure error;
    for (int n = 0; n < c.batch; n++)
        for (int y = 0; y < c.out_h; y++)
            for (int x = 0; x < c.out_w; x++)
                for (int k = 0; k < c.channels + gap; k++) {
                    const std::int64_t at = ((std::int64_t{n} * c.out_h + y) * c.out_w + x) * (c.channels + gap) + k;
                    if (k >= c.channels) {
                        ASSERT_TRUE(std::isnan(output.get(at)));
                        continue;
                    }
                    const double row = std::clamp(coordinate(c.coordinates, y, c.in_h, c.out_h), 0.0, c.in_h - 1.0);
                    const double column = std::clamp(coordinate(c.coordinates, x, c.in_w, c.out_w), 0.0, c.in_w - 1.0);
                    const int y0 = static_cast<int>(row), x0 = static_cast<int>(column);
                    const int y1 = std::min(y0 + 1, c.in_h - 1), x1 = std::min(x0 + 1, c.in_w - 1);
                    const auto value = [&](int i, int j) -> double {
                        return input.get(((std::int64_t{n} * c.in_h + i) * c.in_w + j) * (c.channels + gap) + k);
                    };
                    const double a = value(y0, x0) + (column - x0) * (value(y0, x1) - value(y0, x0));
                    const double b = value(y1, x0) + (column - x0) * (value(y1, x1) - value(y1, x0));
                    const double sum = a + (row - y0) * (b - a) + (c.residual ? residual.get(at) : 0);
                    error.add(output.get(at), std::max(sum, 0.0));
                }
    EXPECT_LE(error.value(), tolerance(c.type, 2e-6));
}

TEST(BilinearResize, MatchesItsDefinition) {
    using enum Coordinates;
    const Case cases[] = {
        {1, 1, 1, 1, 3, 4, half_pixel, false, true, DType::f32},
        {2, 19, 5, 7, 20, 28, half_pixel, false, true, DType::f32},
        {1, 33, 8, 6, 16, 12, align_corners, true, false, DType::f32},
        {1, 128, 4, 4, 9, 7, asymmetric, true, true, DType::bf16},
        {1, 5, 16, 9, 7, 5, pytorch_half_pixel, false, false, DType::bf16},
        {1, 3, 4, 900, 8, 9000, half_pixel, false, true, DType::f32},
        {7, 1, 5, 37, 20, 148, half_pixel, true, true, DType::f32},
        {2, 1, 6, 40, 11, 75, align_corners, false, false, DType::f32},
        {3, 1, 5, 37, 10, 74, half_pixel, true, true, DType::bf16},
        {1, 37, 4, 4, 9, 7, asymmetric, true, true, DType::f16},
        {3, 1, 5, 37, 10, 74, half_pixel, true, true, DType::f16},
        {1, 1, 33, 64, 2112, 2048, half_pixel, false, true, DType::f32},  // larger than the caches
    };
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const Case& c : cases) {
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            check(c, 1), check(c, 2);
        }
    }
}

TEST(NearestResize, CopiesPixels) {
    const int channels = 5, in_h = 3, in_w = 4, factor = 3;
    Buffer input(DType::f32, in_h * in_w * channels),
        output(DType::f32, in_h * in_w * factor * factor * (channels + 1));
    input.randomise(1);
    std::vector<std::int32_t> rows(in_h * factor), columns(in_w * factor);
    fill_source_index(rows.data(), in_h * factor, in_h, 0, 0, PadMode::zero, factor);
    fill_source_index(columns.data(), in_w * factor, in_w, 0, 0, PadMode::zero, factor);
    nearest_resize(
        {1, channels, in_h * factor, in_w * factor, 4, input.data(), dense_pitch(in_h, in_w, channels), rows.data(),
         columns.data(), output.data(), dense_pitch(in_h * factor, in_w * factor, channels + 1)},
        2);
    for (int y = 0; y < in_h * factor; y++)
        for (int x = 0; x < in_w * factor; x++)
            for (int c = 0; c < channels; c++)
                ASSERT_EQ(output.get((y * in_w * factor + x) * (channels + 1) + c),
                          input.get((y / factor * in_w + x / factor) * channels + c));
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
