// Kernels that move elements, in every type's width and every tactic: compiled everywhere, run where there is a GPU.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backend/cuda/cuda.hpp"
#include "cuda/cases.hpp"
#include "cuda/move_cases.hpp"
#include "cuda/on_device.hpp"
#include "fovea/error.hpp"

namespace fovea::backend {
namespace {

using Parameters = std::tuple<MoveCase, std::string>;

ir::Graph graph_of(const Parameters& parameters) {
    return ir::parse(replaced(std::get<0>(parameters).text, "T[", std::get<1>(parameters) + "["));
}

/// Small whole numbers, which every type holds.
std::vector<Tensor> small_numbers(const ir::Graph& graph) {
    std::mt19937 random(3);
    std::vector<Tensor> inputs;
    for (const ir::ValueId id : graph.inputs) {
        Tensor numbers(DType::i32, *ir::known_shape(graph.value(id).dims));
        for (std::int32_t& number : numbers.as<std::int32_t>()) number = static_cast<std::int32_t>(random() >> 8) % 100;
        inputs.push_back(numbers.cast(graph.value(id).dtype));
    }
    return inputs;
}

class Moves : public testing::TestWithParam<Parameters> {};

TEST_P(Moves, Compile) {
    const ir::Graph graph = graph_of(GetParam());
    const auto values = ops::infer(graph);
    for (const int capability : {80, 90}) {
        std::unique_ptr<Backend> backend;
        try {
            backend = make_cuda_compiler(capability);
        } catch (const Error& error) {
            GTEST_SKIP() << "skipped: " << error.what();
        }
        const auto covering = compiler::cover(graph, values, *backend, true);
        ASSERT_EQ(covering.regions.size(), 1U);
        EXPECT_EQ(covering.regions[0].pattern, std::get<0>(GetParam()).pattern);
        const RegionContext context{graph, covering.regions[0], values};
        for (const Tactic& tactic : backend->tactics(context))
            EXPECT_NE(backend->prepare(context, tactic), nullptr) << tactic.name;
    }
}

TEST_P(Moves, EqualTheReferenceBitForBit) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const auto backend = make_cuda_backend({});
    const ir::Graph graph = graph_of(GetParam());
    const OnDevice device(*backend, graph, small_numbers(graph));
    const std::vector<Tensor> expected = device.reference();
    for (const Tactic& tactic : device.tactics()) {
        const std::vector<Tensor> results = device.run(tactic);
        for (std::size_t i = 0; i < results.size(); ++i) {
            ASSERT_EQ(results[i].bytes(), expected[i].bytes());
            EXPECT_EQ(std::memcmp(results[i].raw(), expected[i].raw(), expected[i].bytes()), 0)
                << tactic.name << ", output " << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, Moves,
                         testing::Combine(testing::ValuesIn(kMoveCases), testing::Values("f32", "f16", "u8", "i64")),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param);
                         });

}  // namespace
}  // namespace fovea::backend
