// Products of f32 that are not rounded to TF32: all of them without it, those of few rows or outputs with it.
#include <gtest/gtest.h>

#include "backend/cuda/cuda.hpp"
#include "compiler/comparison.hpp"
#include "compiler/gate.hpp"
#include "cuda/cases.hpp"
#include "cuda/on_device.hpp"

namespace fovea::backend {
namespace {

/// Of the largest result; TF32 is a hundred times as far off.
constexpr double kTolerance = 5e-6;

constexpr Case kExactCases[] = {
    {"few_rows", R"(graph "g" {
      input %x : f32[6, 4096]
      const %w : f32[4096, 96] = random(1)
      %y : f32[6, 96] = MatMul(%x, %w)
      output "y" = %y
    })",
     "gemm", 3},
    {"few_outputs", R"(graph "g" {
      input %x : f32[1, 256, 20, 24]
      const %w : f32[1, 256, 3, 3] = random(1)
      %y : f32[1, 1, 20, 24] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      output "y" = %y
    })",
     "conv", 3},
    {"few_classes", R"(graph "g" {
      input %x : f32[1, 128, 20, 24]
      const %w : f32[19, 128, 1, 1] = random(1)
      %y : f32[1, 19, 20, 24] = Conv(%x, %w)
      output "y" = %y
    })",
     "conv", 3},
};
constexpr Case kDeepCase = {"deep", R"(graph "g" {
      input %x : f32[1, 512, 12, 12]
      const %w : f32[64, 512, 3, 3] = random(1)
      %y : f32[1, 64, 12, 12] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      output "y" = %y
    })",
                            "conv", 3};

class ExactProduct : public testing::TestWithParam<std::tuple<Case, bool>> {};

TEST_P(ExactProduct, OfEveryTactic) {
    const auto& [one, tf32] = GetParam();
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const auto backend = make_cuda_backend({0, tf32});
    const ir::Graph graph = ir::parse(one.text);
    const Shape shape = *ir::known_shape(graph.value(graph.inputs[0]).dims);
    const OnDevice device(*backend, graph, compiler::random_inputs(graph, {shape}, 3));
    const Tensor expected = device.reference().at(0);
    device.prepare_ahead();
    for (const Tactic& tactic : device.tactics())
        EXPECT_LE(compiler::compare(device.run(tactic).at(0), expected).max_error, kTolerance) << tactic.name;
}

INSTANTIATE_TEST_SUITE_P(Cuda, ExactProduct,
                         testing::Combine(testing::ValuesIn(kExactCases), testing::Values(false, true)),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) +
                                    (std::get<1>(info.param) ? "_tf32" : "_fp32");
                         });
INSTANTIATE_TEST_SUITE_P(CudaDeep, ExactProduct, testing::Values(std::tuple<Case, bool>{kDeepCase, false}),
                         [](const auto& info) { return std::string(std::get<0>(info.param).name); });

}  // namespace
}  // namespace fovea::backend
