// Runs every tactic of every template on a GPU and compares every element with the reference.
#include <gtest/gtest.h>

#include "backend/cuda/cuda.hpp"
#include "compiler/comparison.hpp"
#include "compiler/gate.hpp"
#include "cuda/attention_cases.hpp"
#include "cuda/cases.hpp"
#include "cuda/conv_cases.hpp"
#include "cuda/many_tiles_cases.hpp"
#include "cuda/matmul_cases.hpp"
#include "cuda/on_device.hpp"
#include "cuda/resized_conv_cases.hpp"
#include "cuda/row_cases.hpp"
#include "cuda/stem_cases.hpp"
#include "cuda/transposed_conv_cases.hpp"

namespace fovea::backend {
namespace {

std::vector<Tensor> random_inputs(const ir::Graph& graph) {
    std::vector<Shape> shapes;
    for (const ir::ValueId id : graph.inputs) shapes.push_back(*ir::known_shape(graph.value(id).dims));
    return compiler::random_inputs(graph, shapes, 3);
}

/// A case and its type.
constexpr auto kName = [](const auto& info) {
    const auto& [one, type, tf32] = info.param;
    return std::string(one.name) + "_" + (tf32 ? "tf32" : type);
};

class Run : public testing::TestWithParam<std::tuple<Case, std::string, bool>> {};

TEST_P(Run, EveryTacticEqualsTheReference) {
    const auto& [one, type, tf32] = GetParam();
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const Backend* backend = &first_gpu(tf32);
    const ir::Graph graph = graph_of(one, type);
    const OnDevice device(*backend, graph, random_inputs(graph));
    const std::vector<Tensor> expected = device.reference();
    device.prepare_ahead();
    for (const Tactic& tactic : device.tactics()) {
        const std::vector<Tensor> results = device.run(tactic);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const DType dtype = tf32 && results[i].dtype() == DType::f32 ? DType::f16 : results[i].dtype();
            EXPECT_LE(compiler::compare(results[i], expected[i]).max_error, device.tolerance(dtype))
                << tactic.name << ", output " << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, Run,
                         testing::Combine(testing::ValuesIn(kCases), testing::Values("f32", "f16"),
                                          testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaProducts, Run,
                         testing::Combine(testing::ValuesIn(kProductCases), testing::Values("f32", "f16", "bf16"),
                                          testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaManyTiles, Run,
                         testing::Combine(testing::ValuesIn(kManyTilesCases), testing::Values("f16"),
                                          testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaManyTilesTf32, Run,
                         testing::Combine(testing::ValuesIn(kManyTilesCases), testing::Values("f32"),
                                          testing::Values(true)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaStem, Run,
                         testing::Combine(testing::ValuesIn(kStemCases), testing::Values("f16", "bf16"),
                                          testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaBf16, Run, testing::Values(std::tuple<Case, std::string, bool>{kCases[0], "bf16", false}),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaTf32, Run,
                         testing::Combine(testing::ValuesIn(kCases), testing::Values("f32"), testing::Values(true)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaProductsTf32, Run,
                         testing::Combine(testing::ValuesIn(kProductCases), testing::Values("f32"),
                                          testing::Values(true)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaAttention, Run,
                         testing::Combine(testing::ValuesIn(kAttentionCases), testing::Values("f32", "f16", "bf16"),
                                          testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaAttentionTf32, Run,
                         testing::Combine(testing::ValuesIn(kAttentionCases), testing::Values("f32"),
                                          testing::Values(true)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaMatmul, Run,
                         testing::Combine(testing::ValuesIn(kMatmulCases), testing::Values("f32", "f16", "bf16"),
                                          testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaResizedConv, Run,
                         testing::Combine(testing::ValuesIn(kResizedConvCases), testing::Values("f32", "f16", "bf16"),
                                          testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaMatmulTf32, Run,
                         testing::Combine(testing::ValuesIn(kMatmulCases), testing::Values("f32"),
                                          testing::Values(true)),
                         kName);

INSTANTIATE_TEST_SUITE_P(CudaTransposedConv, Run,
                         testing::Combine(testing::ValuesIn(kTransposedConvCases),
                                          testing::Values("f32", "f16", "bf16"), testing::Values(false)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaTransposedConvTf32, Run,
                         testing::Combine(testing::ValuesIn(kTransposedConvCases), testing::Values("f32"),
                                          testing::Values(true)),
                         kName);
INSTANTIATE_TEST_SUITE_P(CudaRows, Run,
                         testing::Combine(testing::ValuesIn(kRowCases), testing::Values("f32", "f16", "bf16"),
                                          testing::Values(false)),
                         kName);

}  // namespace
}  // namespace fovea::backend
