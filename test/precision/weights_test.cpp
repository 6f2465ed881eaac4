#include "precision/weights.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace fovea::precision {
namespace {

Tensor random_weights(const Shape& shape) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 0.1f);
    Tensor tensor(DType::f32, shape);
    for (float& value : tensor.as<float>()) value = normal(random);
    return tensor;
}

/// Root of the mean square of the lines' sums of errors, and the sum of squares of all errors.
std::pair<double, double> errors(const Tensor& rounded, const Tensor& exact, WeightLines lines) {
    const auto a = rounded.to_float(), b = exact.to_float();
    const auto block = static_cast<std::size_t>(lines.length * lines.step), step = static_cast<std::size_t>(lines.step);
    std::vector<double> sums(a.size() / static_cast<std::size_t>(lines.length), 0.0);
    double squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double error = static_cast<double>(a[i]) - b[i];
        sums[i / block * step + i % step] += error;
        squares += error * error;
    }
    double power = 0;
    for (const double sum : sums) power += sum * sum;
    return {std::sqrt(power / static_cast<double>(sums.size())), squares};
}

ir::Node node(std::string op) { return {.op = std::move(op), .name = {}, .inputs = {}, .attributes = {}}; }

TEST(Weights, LiesInLinesOfOneOutput) {
    const auto lines = [](const ir::Node& one, const Shape& shape) {
        const WeightLines found = weight_lines(one, 1, shape);
        return std::pair(found.length, found.step);
    };
    EXPECT_EQ(lines(node("Conv"), {8, 4, 3, 3}), std::pair(std::int64_t{36}, std::int64_t{1}));
    EXPECT_EQ(lines(node("MatMul"), {5, 16, 8}), std::pair(std::int64_t{16}, std::int64_t{8}));
    EXPECT_EQ(lines(node("Gemm"), {16, 8}), std::pair(std::int64_t{16}, std::int64_t{8}));
    ir::Node transposed = node("Gemm");
    transposed.attributes["transB"] = std::int64_t{1};
    EXPECT_EQ(lines(transposed, {8, 16}), std::pair(std::int64_t{16}, std::int64_t{1}));
    EXPECT_EQ(lines(node("Mul"), {8, 16}).first, 0);
    EXPECT_EQ(weight_lines(node("MatMul"), 0, {8, 16}).length, 0);
}

TEST(Weights, ErrorsOfOneOutputCancel) {
    const Tensor exact = random_weights({4, 256, 24});
    for (const DType type : {DType::bf16, DType::f16})
        for (const WeightLines lines : {WeightLines{256, 24}, WeightLines{256 * 24, 1}}) {
            const auto [plain_sum, plain_squares] = errors(exact.cast(type), exact, lines);
            const auto [sum, squares] = errors(base::round_weights(exact, type, lines), exact, lines);
            EXPECT_LT(sum, 0.25 * plain_sum);
            EXPECT_LT(squares, 1.1 * plain_squares);
        }
}

/// To the nearest number with 10 bits behind the point.
Tensor nearest_tf32(const Tensor& exact) {
    Tensor result = exact.clone();
    for (float& value : result.as<float>()) {
        const float step = std::ldexp(1.0f, std::ilogb(value) - 10);
        value = std::round(value / step) * step;
    }
    return result;
}

TEST(Weights, ErrorsOfOneOutputCancelInTf32) {
    const Tensor exact = random_weights({4, 256, 24});
    for (const WeightLines lines : {WeightLines{256, 24}, WeightLines{256 * 24, 1}}) {
        const auto [plain_sum, plain_squares] = errors(nearest_tf32(exact), exact, lines);
        const Tensor rounded = base::round_weights_to_tf32(exact, lines);
        const auto [sum, squares] = errors(rounded, exact, lines);
        EXPECT_LT(sum, 0.25 * plain_sum);
        EXPECT_LT(squares, 1.1 * plain_squares);
        EXPECT_TRUE(nearest_tf32(rounded).equals(rounded));
    }
}

TEST(Weights, EveryWeightIsRoundedToANeighbour) {
    const Tensor exact = random_weights({16, 64});
    const auto rounded = base::round_weights(exact, DType::bf16, {64, 1}).to_float(), values = exact.to_float();
    for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_LT(std::fabs(rounded[i] - values[i]), std::ldexp(1.0f, std::ilogb(values[i]) - 7));
    const auto wider = base::round_weights_to_tf32(exact, {64, 1}).to_float();
    for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_LT(std::fabs(wider[i] - values[i]), std::ldexp(1.0f, std::ilogb(values[i]) - 10));
}

TEST(Weights, ValuesThatTheTypeHoldsStay) {
    const Tensor exact = Tensor::from<float>({2, 4}, std::vector<float>{1, -2, 0.5f, 3, 0, 0, -0.25f, 1.5f});
    EXPECT_TRUE(base::round_weights(exact, DType::bf16, {4, 1}).equals(exact.cast(DType::bf16)));
    EXPECT_TRUE(base::round_weights_to_tf32(exact, {4, 1}).equals(exact));
}

}  // namespace
}  // namespace fovea::precision
