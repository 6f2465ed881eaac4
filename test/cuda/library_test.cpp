// Kernels of cuBLASLt and cuDNN: each equals the reference, and itself when run again.
#include <gtest/gtest.h>

#include "backend/cuda/cuda.hpp"
#include "compiler/comparison.hpp"
#include "compiler/gate.hpp"
#include "cuda/library_cases.hpp"
#include "cuda/on_device.hpp"

namespace fovea::backend {
namespace {

class Library : public testing::TestWithParam<std::tuple<Case, std::string, bool>> {};

TEST_P(Library, EveryTacticEqualsTheReference) {
    const auto& [one, type, tf32] = GetParam();
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const Backend* backend = &first_gpu(tf32);
    const ir::Graph graph = graph_of(one, type);
    std::vector<Shape> shapes;
    for (const ir::ValueId id : graph.inputs) shapes.push_back(*ir::known_shape(graph.value(id).dims));
    const OnDevice device(*backend, graph, compiler::random_inputs(graph, shapes, 3));
    ASSERT_EQ(device.region().pattern, one.pattern);
    const Tensor expected = device.reference()[0];
    const DType dtype = dtype_from_string(type);
    const double tolerance = compiler::kernel_tolerance(tf32 && dtype == DType::f32 ? DType::f16 : dtype);
    std::size_t tactics = 0;
    for (const Tactic& tactic : device.tactics()) {
        if (tactic.name.find('@') == std::string::npos) continue;
        const Tensor result = device.run(tactic)[0];
        EXPECT_LE(compiler::compare(result, expected).max_error, tolerance) << tactic.name;
        EXPECT_TRUE(result.equals(device.run(tactic)[0])) << tactic.name << ", the second of two runs";
        ++tactics;
    }
    if (tactics == 0) GTEST_SKIP() << "skipped: no library's kernel: " << cuda_status().text;
}

INSTANTIATE_TEST_SUITE_P(Cuda, Library,
                         testing::Combine(testing::ValuesIn(kLibraryCases), testing::Values("f32", "f16", "bf16"),
                                          testing::Bool()),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param) +
                                    (std::get<2>(info.param) ? "_tf32" : "");
                         });

}  // namespace
}  // namespace fovea::backend
