// Kernels that move elements or calculate in many types, in every tactic: compiled everywhere, run where there is a
// GPU.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <sstream>

#include "backend/cuda/cuda.hpp"
#include "base/dispatch.hpp"
#include "compiler/comparison.hpp"
#include "compiler/gate.hpp"
#include "cuda/cases.hpp"
#include "cuda/element_cases.hpp"
#include "cuda/on_device.hpp"
#include "cuda/plans.hpp"

namespace fovea::backend {
namespace {

struct Parameters {
    MoveCase one;
    std::string type;
};
void PrintTo(const Parameters& parameters, std::ostream* stream) { *stream << parameters.one.name; }

std::vector<Parameters> cases() {
    std::vector<Parameters> result;
    const auto add = [&](const MoveCase& one) {
        std::istringstream types(one.types);
        for (std::string type; types >> type;) result.push_back({one, type});
    };
    std::for_each(std::begin(kMoveCases), std::end(kMoveCases), add);
    std::for_each(std::begin(kElementCases), std::end(kElementCases), add);
    return result;
}

ir::Graph graph_of(const Parameters& parameters) {
    return ir::parse(replaced(parameters.one.text, "T[", parameters.type + "["));
}

/// Whole numbers from -50 to 49; from -3 to 3 for an input "i" of indices, from -1.25 to 1.25 for a grid "g".
std::vector<Tensor> small_numbers(const ir::Graph& graph) {
    std::mt19937 random(3);
    std::vector<Tensor> inputs;
    for (const ir::ValueId id : graph.inputs) {
        const ir::Value& value = graph.value(id);
        Tensor numbers(DType::f32, *ir::known_shape(value.dims));
        for (float& number : numbers.as<float>()) {
            const int drawn = static_cast<int>(random() >> 8);
            number = static_cast<float>(value.name == "i" ? drawn % 7 - 3 : drawn % 100 - 50);
            if (value.name == "g") number /= 40;
            if (value.dtype == DType::boolean) number = static_cast<float>(drawn % 2);
        }
        inputs.push_back(numbers.cast(DType::i64).cast(value.dtype));
        if (base::is_float(value.dtype)) inputs.back() = numbers.cast(value.dtype);
    }
    return inputs;
}

/// Whether a kernel only moves elements, or calculates without rounding.
bool is_exact(const Parameters& parameters, DType result) {
    const std::string_view pattern = parameters.one.pattern;
    const bool calculates = pattern == "sample" || pattern == "pointwise" || pattern == "transposed_conv";
    return !calculates || !base::is_float(result);
}

class Moves : public testing::TestWithParam<Parameters> {};

TEST_P(Moves, Compile) {
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    const ir::Graph graph = graph_of(GetParam());
    const auto values = ops::infer(graph);
    for (const int capability : {80, 90}) {
        const auto backend = make_cuda_compiler(capability);
        const auto covering = compiler::cover(graph, values, *backend, true);
        ASSERT_EQ(covering.regions.size(), 1U);
        EXPECT_EQ(covering.regions[0].pattern, GetParam().one.pattern);
        const RegionContext context{graph, covering.regions[0], values};
        for (const Tactic& tactic : backend->tactics(context))
            EXPECT_NE(backend->prepare(context, tactic), nullptr) << tactic.name;
    }
}

TEST_P(Moves, EqualTheReference) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const Backend* backend = &first_gpu();
    const ir::Graph graph = graph_of(GetParam());
    const OnDevice device(*backend, graph, small_numbers(graph));
    const std::vector<Tensor> expected = device.reference();
    for (const Tactic& tactic : device.tactics()) {
        const std::vector<Tensor> results = device.run(tactic);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            ASSERT_EQ(results[i].bytes(), expected[i].bytes());
            const double error = compiler::compare(results[i], expected[i]).max_error;
            if (is_exact(GetParam(), expected[i].dtype()))
                EXPECT_EQ(std::memcmp(results[i].raw(), expected[i].raw(), expected[i].bytes()), 0)
                    << tactic.name << ", output " << i << ", error " << error;
            else
                EXPECT_LE(error, compiler::kernel_tolerance(expected[i].dtype())) << tactic.name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, Moves, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.one.name + ("_" + info.param.type); });

}  // namespace
}  // namespace fovea::backend
