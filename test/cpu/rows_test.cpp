#include "backend/cpu/simd/rows.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

constexpr int kWidths[] = {1, 2, 15, 16, 19, 33, 850, 1030};

TEST(Softmax, MatchesItsDefinition) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const DType type : kStoredTypes)
            for (const int width : kWidths)
                for (const bool logarithm : {false, true}) {
                    const int rows = 13, in_pitch = width + 3, out_pitch = width + 1;
                    Buffer input(type, rows * in_pitch), output(type, rows * out_pitch);
                    input.randomise(1);
                    for (std::int64_t i = 0; i < input.size(); i++) input.set(i, 30 * input.get(i) + 500);
                    softmax({{rows, width}, type, input.data(), in_pitch, output.data(), out_pitch, logarithm}, 2);
                    ErrorMeasure error;
                    for (int r = 0; r < rows; r++) {
                        double sum = 0;
                        for (int i = 0; i < width; i++)
                            sum += std::exp(static_cast<double>(input.get(r * in_pitch + i)) - 500);
                        for (int i = 0; i < width; i++) {
                            const double x = static_cast<double>(input.get(r * in_pitch + i)) - 500 - std::log(sum);
                            error.add(output.get(r * out_pitch + i), logarithm ? x : std::exp(x));
                        }
                        ASSERT_TRUE(std::isnan(output.get(r * out_pitch + width)));
                    }
                    EXPECT_LE(error.value(), tolerance(type, 5e-6))
                        << target_name() << " width " << width << " log " << logarithm;
                }
    }
}

TEST(Softmax, KeepsNaNAndMasksInfinity) {
    Buffer input(DType::f32, 40), output(DType::f32, 40);
    for (int i = 0; i < 40; i++) input.set(i, i % 20 < 10 ? -INFINITY : 1.0f);
    input.set(35, std::nanf(""));
    softmax({{2, 20}, DType::f32, input.data(), 20, output.data(), 20}, 1);
    EXPECT_EQ(output.get(3), 0);
    EXPECT_NEAR(output.get(12), 0.1, 1e-6);
    EXPECT_TRUE(std::isnan(output.get(22)));
    EXPECT_TRUE(std::isnan(output.get(30)));
}

TEST(LayerNorm, MatchesItsDefinition) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const DType type : kStoredTypes)
            for (const int width : kWidths)
                for (const bool rms : {false, true}) {
                    const int rows = 7, pitch = width + 2;
                    Buffer x(type, rows * pitch), residual(type, rows * pitch), sum(type, rows * pitch),
                        y(type, rows * pitch);
                    Buffer scale(DType::f32, width), shift(DType::f32, width);
                    x.randomise(1), residual.randomise(2), scale.randomise(3), shift.randomise(4);
                    LayerNorm norm{{rows, width},  type,           x.data(), pitch,    residual.data(),
                                   pitch,          sum.data(),     pitch,    y.data(), pitch,
                                   scale.floats(), shift.floats(), 1e-3f,    rms};
                    Buffer workspace(DType::f32, static_cast<std::int64_t>(layer_norm_workspace(norm, 2) / 4));
                    layer_norm(norm, workspace.data(), 2);
                    ErrorMeasure error, sum_error;
                    for (int r = 0; r < rows; r++) {
                        std::vector<double> v;
                        double mean = 0, variance = 0;
                        for (int i = 0; i < width; i++)
                            v.push_back(static_cast<double>(x.get(r * pitch + i)) + residual.get(r * pitch + i));
                        for (const double value : v) mean += rms ? 0 : value / width;
                        for (const double value : v) variance += (value - mean) * (value - mean) / width;
                        for (int i = 0; i < width; i++) {
                            sum_error.add(sum.get(r * pitch + i), v[i]);
                            error.add(y.get(r * pitch + i),
                                      (v[i] - mean) / std::sqrt(variance + 1e-3) * scale.get(i) + shift.get(i));
                        }
                        ASSERT_TRUE(std::isnan(y.get(r * pitch + width)) && std::isnan(sum.get(r * pitch + width)));
                    }
                    EXPECT_LE(error.value(), tolerance(type, 2e-6)) << target_name() << " width " << width;
                    EXPECT_LE(sum_error.value(), tolerance(type, 1e-7));
                }
    }
}

TEST(ArgMax, FindsTheFirstLargest) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const DType type : kStoredTypes)
            for (const int width : kWidths) {
                const int rows = 40, pitch = width + 1;
                Buffer input(type, rows * pitch);
                std::minstd_rand engine(static_cast<unsigned>(width));
                for (int r = 0; r < rows; r++)
                    for (int i = 0; i < width; i++)
                        input.set(r * pitch + i, r == 5 ? -INFINITY : static_cast<float>(engine() % 7));
                input.set(9 * pitch + width / 2, std::nanf(""));
                std::vector<std::int64_t> wide(rows);
                std::vector<std::int32_t> narrow(rows);
                arg_max({{rows, width}, type, input.data(), pitch, wide.data(), DType::i64}, 2);
                arg_max({{rows, width}, type, input.data(), pitch, narrow.data(), DType::i32}, 1);
                for (int r = 0; r < rows; r++) {
                    int best = 0;
                    for (int i = 1; i < width; i++)
                        if (input.get(r * pitch + i) > input.get(r * pitch + best)) best = i;
                    if (r == 9) best = width / 2;
                    ASSERT_EQ(wide[r], best) << target_name() << " width " << width << " row " << r;
                    ASSERT_EQ(narrow[r], best);
                }
            }
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
