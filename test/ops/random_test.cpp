#include <gtest/gtest.h>

#include <numeric>

#include "fovea/error.hpp"
#include "ops/graphs.hpp"

namespace fovea::test {
namespace {

std::vector<float> drawn(const std::string& call, Tensor input = {}) {
    const std::string head = "graph \"g\" { ";
    std::vector<Tensor> inputs;
    if (input) inputs.push_back(input);
    return results(head + (input ? "input %x : f32[*]\n" : "") + "%y : f32[*] = " + call + "\n output \"y\" = %y }",
                   inputs)[0]
        .to_float();
}

double mean(const std::vector<float>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(Random, ASeedRepeatsItself) {
    const std::string call = "RandomNormal() {shape = [8], seed = 3f}";
    EXPECT_EQ(drawn(call), drawn(call));
    EXPECT_NE(drawn(call), drawn("RandomNormal() {shape = [8], seed = 4f}"));
    EXPECT_NE(drawn("RandomNormal() {shape = [8]}"), drawn("RandomNormal() {shape = [8]}"));
}

TEST(Random, UniformStaysInItsRange) {
    const auto values = drawn("RandomUniform() {shape = [20, 100], low = -2f, high = 6f, seed = 1f}");
    for (const float value : values) EXPECT_TRUE(value >= -2 && value <= 6);
    EXPECT_NEAR(mean(values), 2, 0.2);
}

TEST(Random, NormalHasItsMean) {
    EXPECT_NEAR(
        mean(drawn("RandomNormalLike(%x) {mean = 5f, scale = 2f, seed = 1f}", Tensor::zeros(DType::f32, {2000}))), 5,
        0.2);
}

TEST(Random, BernoulliFollowsTheProbability) {
    const auto x = Tensor::from<float>({4}, {0, 1, 0, 1});
    EXPECT_EQ(drawn("Bernoulli(%x)", x), (std::vector<float>{0, 1, 0, 1}));
}

TEST(Random, MultinomialPrefersTheLikelyClass) {
    const auto x = Tensor::from<float>({2, 3}, {0, -1e9f, -1e9f, -1e9f, -1e9f, 0});
    EXPECT_EQ(drawn("Multinomial(%x) {sample_size = 2, dtype = 7}", x), (std::vector<float>{0, 0, 2, 2}));
}

TEST(Random, RefusesHugeAndNegativeShapes) {
    EXPECT_THROW(drawn("RandomUniform() {shape = [1099511627776]}"), Error);
    EXPECT_THROW(drawn("RandomUniform() {shape = [-1]}"), Error);
}

}  // namespace
}  // namespace fovea::test
