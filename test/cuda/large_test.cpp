// Regions of more tiles than a GPU computes at once: every kernel gives what the plainest one gives, and gives it
// again.
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/device_regions.hpp"

namespace fovea::backend {
namespace {

constexpr Case kLargeCases[] = {
    {"one_tap_residual", R"(graph "g" {
      input %x : f32[1, 64, 256, 256]
      input %r : f32[1, 128, 256, 256]
      const %w : f32[128, 64, 1, 1] = random(1)
      const %b : f32[128] = random(2)
      %c : f32[1, 128, 256, 256] = Conv(%x, %w, %b)
      %s : f32[1, 128, 256, 256] = Add(%c, %r)
      %y : f32[1, 128, 256, 256] = Relu(%s)
      output "y" = %y
    })",
     "conv", 3},
    {"three_taps_residual", R"(graph "g" {
      input %x : f32[2, 64, 128, 256]
      input %r : f32[2, 64, 128, 256]
      const %w : f32[64, 64, 3, 3] = random(1)
      const %b : f32[64] = random(2)
      %c : f32[2, 64, 128, 256] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}
      %s : f32[2, 64, 128, 256] = Add(%c, %r)
      %y : f32[2, 64, 128, 256] = Relu(%s)
      output "y" = %y
    })",
     "conv", 3},
    {"strided", R"(graph "g" {
      input %x : f32[2, 64, 256, 256]
      const %w : f32[128, 64, 3, 3] = random(1)
      %y : f32[2, 128, 128, 128] = Conv(%x, %w) {pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "conv", 3},
};

/// As the gate has it, by elements that stand at the same place.
double error(const Tensor& found, const std::vector<float>& expected) {
    const auto x = found.to_float();
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (!std::isfinite(x[i])) return INFINITY;
        largest = std::max<double>(largest, std::fabs(expected[i]));
        difference = std::max<double>(difference, std::fabs(x[i] - expected[i]));
    }
    return difference / largest;
}

class Large : public testing::TestWithParam<std::tuple<Case, std::string>> {};

TEST_P(Large, EveryKernelEqualsThePlainestOne) {
    const auto& [one, type] = GetParam();
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const ir::Graph graph = graph_of(one, type);
    DeviceRegions regions(first_gpu(type == "f32"), graph);
    ASSERT_EQ(regions.region(0).pattern, one.pattern);
    const auto kernels = regions.kernels(0, [](const Tactic&) { return true; });
    const auto result = [&](const Kernel& kernel) {
        regions.forget(0);
        regions.run(0, kernel);
        return regions.result(0);
    };
    const auto plain =
        std::ranges::find_if(kernels, [](const auto& kernel) { return kernel.first.starts_with("mma:"); });
    ASSERT_NE(plain, kernels.end());
    const auto expected = result(*plain->second).to_float();
    EXPECT_GE(kernels.size(), one.tactics);
    for (const auto& [name, kernel] : kernels) {
        const Tensor first = result(*kernel);
        EXPECT_LE(error(first, expected), compiler::kernel_tolerance(DType::f16)) << name;
        EXPECT_TRUE(first.equals(result(*kernel))) << name << ", the second of two runs";
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, Large, testing::Combine(testing::ValuesIn(kLargeCases), testing::Values("f32", "f16")),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) + "_" +
                                    (std::get<1>(info.param) == "f32" ? "tf32" : std::get<1>(info.param));
                         });

}  // namespace
}  // namespace fovea::backend
