// Compiles kernels for GPUs that need not be there: every template at shapes that take each of its branches.
#include <gtest/gtest.h>

#include "compiler/cover.hpp"
#include "cuda/attention_cases.hpp"
#include "cuda/cases.hpp"
#include "cuda/conv_cases.hpp"
#include "cuda/many_tiles_cases.hpp"
#include "cuda/matmul_cases.hpp"
#include "cuda/plans.hpp"
#include "cuda/resized_conv_cases.hpp"
#include "cuda/row_cases.hpp"
#include "cuda/stem_cases.hpp"
#include "cuda/transposed_conv_cases.hpp"
#include "ops/infer.hpp"

namespace fovea::backend {
namespace {

/// A case, its type and the GPU that it is compiled for.
constexpr auto kName = [](const auto& info) {
    const auto& [one, type, capability] = info.param;
    return std::string(one.name) + "_" + type + "_sm" + std::to_string(capability);
};

class Compile : public testing::TestWithParam<std::tuple<Case, std::string, int>> {};

TEST_P(Compile, EveryTactic) {
    const auto& [one, type, capability] = GetParam();
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    const auto backend = make_cuda_compiler(capability, true);
    ir::Graph graph = graph_of(one, type);
    const auto values = ops::infer(graph);
    const auto covering = compiler::cover(graph, values, *backend, true);
    ASSERT_EQ(covering.regions.size(), 1U);
    ASSERT_EQ(covering.regions[0].pattern, one.pattern);
    const RegionContext context{graph, covering.regions[0], values};
    const auto tactics = backend->tactics(context);
    EXPECT_GE(tactics.size(), one.tactics);
    // The tiles of one template differ in numbers only: the first and the last stand for all.
    EXPECT_NE(backend->prepare(context, tactics.front()), nullptr) << tactics.front().name;
    EXPECT_NE(backend->prepare(context, tactics.back()), nullptr) << tactics.back().name;
}

INSTANTIATE_TEST_SUITE_P(CudaProducts, Compile,
                         testing::Combine(testing::ValuesIn(kProductCases), testing::Values("f32", "f16"),
                                          testing::Values(90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaManyTiles, Compile,
                         testing::Combine(testing::ValuesIn(kManyTilesCases), testing::Values("f32", "f16"),
                                          testing::Values(90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaStem, Compile,
                         testing::Combine(testing::ValuesIn(kStemCases), testing::Values("f16", "bf16"),
                                          testing::Values(90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaBf16, Compile, testing::Values(std::tuple<Case, std::string, int>{kCases[0], "bf16", 80}),
                         kName);
INSTANTIATE_TEST_SUITE_P(Cuda, Compile,
                         testing::Combine(testing::ValuesIn(kCases), testing::Values("f32", "f16"),
                                          testing::Values(80, 90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaAttention, Compile,
                         testing::Combine(testing::ValuesIn(kAttentionCases), testing::Values("f32", "f16"),
                                          testing::Values(90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaAttentionSm80, Compile,
                         testing::Combine(testing::ValuesIn(kAttentionCases), testing::Values("bf16"),
                                          testing::Values(80)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaMatmul, Compile,
                         testing::Combine(testing::ValuesIn(kMatmulCases), testing::Values("f32", "f16"),
                                          testing::Values(90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaResizedConv, Compile,
                         testing::Combine(testing::ValuesIn(kResizedConvCases), testing::Values("f32", "f16"),
                                          testing::Values(90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaMatmulSm80, Compile,
                         testing::Combine(testing::ValuesIn(kMatmulCases), testing::Values("bf16"),
                                          testing::Values(80)),
                         kName);

INSTANTIATE_TEST_SUITE_P(CudaTransposedConv, Compile,
                         testing::Combine(testing::ValuesIn(kTransposedConvCases), testing::Values("f16"),
                                          testing::Values(80, 90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaRows, Compile,
                         testing::Combine(testing::ValuesIn(kRowCases), testing::Values("f32", "f16"),
                                          testing::Values(90)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaRowsSm80, Compile,
                         testing::Combine(testing::ValuesIn(kRowCases), testing::Values("f16"), testing::Values(80)),
                         kName);

}  // namespace
}  // namespace fovea::backend
