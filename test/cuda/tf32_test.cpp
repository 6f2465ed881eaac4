// Products in TF32 take the nearest factors: with digits cut off, which some tensor cores do by themselves, all results
// would be too small, layer by layer.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cuda/cuda.hpp"
#include "compiler/gate.hpp"
#include "cuda/cases.hpp"
#include "cuda/library_cases.hpp"
#include "cuda/on_device.hpp"

namespace fovea::backend {
namespace {

/// Cut off, numbers of all sizes alike are too small by 3.3e-4 on average.
constexpr double kMostExcess = 1e-4;

constexpr Case kTf32Cases[] = {
    {"long_product", R"(graph "g" {
      input %x : f32[1, 850, 1024]
      input %r : f32[1, 850, 256]
      const %w : f32[1024, 256] = random(1)
      const %b : f32[256] = random(2)
      %m : f32[1, 850, 256] = MatMul(%x, %w)
      %s : f32[1, 850, 256] = Add(%m, %b)
      %y : f32[1, 850, 256] = Add(%r, %s)
      output "y" = %y
    })",
     "gemm", 3},
    {"small_product", R"(graph "g" {
      input %x : f32[1, 100, 256]
      const %w : f32[256, 256] = random(1)
      const %b : f32[256] = random(2)
      %m : f32[1, 100, 256] = MatMul(%x, %w)
      %s : f32[1, 100, 256] = Add(%m, %b)
      %y : f32[1, 100, 256] = Relu(%s)
      output "y" = %y
    })",
     "gemm", 3},
    {"pointwise_conv", R"(graph "g" {
      input %x : f32[1, 256, 25, 34]
      input %r : f32[1, 512, 25, 34]
      const %w : f32[512, 256, 1, 1] = random(1)
      const %b : f32[512] = random(2)
      %c : f32[1, 512, 25, 34] = Conv(%x, %w, %b)
      %s : f32[1, 512, 25, 34] = Add(%c, %r)
      %y : f32[1, 512, 25, 34] = Relu(%s)
      output "y" = %y
    })",
     "conv", 3},
    {"conv", R"(graph "g" {
      input %x : f32[1, 64, 25, 34]
      const %w : f32[128, 64, 3, 3] = random(1)
      const %b : f32[128] = random(2)
      %c : f32[1, 128, 25, 34] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}
      %y : f32[1, 128, 25, 34] = Relu(%c)
      output "y" = %y
    })",
     "conv", 3},
    {"strided_conv", R"(graph "g" {
      input %x : f32[1, 64, 50, 67]
      const %w : f32[128, 64, 3, 3] = random(1)
      %y : f32[1, 128, 25, 34] = Conv(%x, %w) {pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "conv", 3},
    {"attention", R"(graph "g" {
      input %q : f32[1, 200, 128]
      input %k : f32[1, 330, 128]
      input %v : f32[1, 330, 128]
      %y : f32[1, 200, 128] = Attention(%q, %k, %v) {q_num_heads = 4, kv_num_heads = 4}
      output "y" = %y
    })",
     "attention", 2},
};

/// By which part of itself a result is too large, by least squares.
double excess(const Tensor& result, const Tensor& exact) {
    const auto found = result.to_float(), expected = exact.to_float();
    double product = 0, square = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const double value = expected[i];
        product += (found[i] - value) * value;
        square += value * value;
    }
    return product / square;
}

class Tf32 : public testing::TestWithParam<Case> {};

TEST_P(Tf32, FactorsAreTheNearest) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const ir::Graph graph = ir::parse(GetParam().text);
    std::vector<Shape> shapes;
    for (const ir::ValueId id : graph.inputs) shapes.push_back(*ir::known_shape(graph.value(id).dims));
    const OnDevice device(first_gpu(true), graph, compiler::random_inputs(graph, shapes, 3));
    const Tensor expected = device.reference().at(0);
    device.prepare_ahead();
    for (const Tactic& tactic : device.tactics())
        EXPECT_LE(std::fabs(excess(device.run(tactic).at(0), expected)), kMostExcess) << tactic.name;
}

INSTANTIATE_TEST_SUITE_P(Cuda, Tf32, testing::ValuesIn(kTf32Cases),
                         [](const auto& info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(CudaLibrary, Tf32, testing::ValuesIn(kLibraryCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace fovea::backend
