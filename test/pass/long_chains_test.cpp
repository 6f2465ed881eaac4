#include <gtest/gtest.h>

#include <ctime>
#include <functional>

#include "pass/pipeline.hpp"

/// Chains of thousands of nodes take time in proportion to their length.
namespace fovea::pass {
namespace {

constexpr int kNodes = 10'000;
constexpr double kMaxSeconds = 3;

struct Chain {
    const char* name;
    /// Adds the link behind `x` and returns its output; `i` counts.
    std::function<ir::ValueId(ir::Graph&, ir::ValueId x, int i)> link;

    friend void PrintTo(const Chain& chain, std::ostream* stream) { *stream << chain.name; }
};

ir::ValueId add(ir::Graph& graph, const std::string& op, std::vector<ir::ValueId> inputs,
                std::map<std::string, ir::Attribute, std::less<>> attributes = {}) {
    const ir::ValueId result = graph.add_value({});
    const std::string& name = graph.value(result).name;
    graph.value(result).origins = {name};
    graph.add_node({.op = op,
                    .name = name,
                    .inputs = std::move(inputs),
                    .outputs = {result},
                    .attributes = std::move(attributes),
                    .origins = {name}});
    return result;
}

ir::ValueId transpose(ir::Graph& graph, ir::ValueId x, std::vector<std::int64_t> perm) {
    return add(graph, "Transpose", {x}, {{"perm", std::move(perm)}});
}

const Chain kChains[] = {
    {"Relu", [](ir::Graph& graph, ir::ValueId x, int) { return add(graph, "Relu", {x}); }},
    {"Sigmoid", [](ir::Graph& graph, ir::ValueId x, int) { return add(graph, "Sigmoid", {x}); }},
    {"Identity", [](ir::Graph& graph, ir::ValueId x, int) { return add(graph, "Identity", {x}); }},
    {"Swish",
     [](ir::Graph& graph, ir::ValueId x, int) {
         return add(graph, "Mul", {x, add(graph, "Sigmoid", {x})});
     }},
    {"Sum",
     [](ir::Graph& graph, ir::ValueId x, int) {
         return add(graph, "Add", {x, graph.add_constant(graph.unique_name("c"), Tensor::scalar(0.5f))});
     }},
    {"Residual",
     [](ir::Graph& graph, ir::ValueId x, int) {
         return add(graph, "Add", {x, graph.inputs[0]});
     }},
    {"Reshape",
     [](ir::Graph& graph, ir::ValueId x, int i) {
         const auto target = Tensor::vector(i % 2 ? std::vector<std::int64_t>{2, 3, 4} : std::vector<std::int64_t>{24});
         return add(graph, "Reshape", {x, graph.add_constant(graph.unique_name("c"), target)});
     }},
    {"ReluBetweenTransposes",
     [](ir::Graph& graph, ir::ValueId x, int) {
         return transpose(graph, add(graph, "Relu", {transpose(graph, x, {0, 2, 1})}), {0, 2, 1});
     }},
    {"SigmoidBehindATranspose",
     [](ir::Graph& graph, ir::ValueId x, int i) {
         return add(graph, "Sigmoid", {i == 0 ? transpose(graph, x, {0, 2, 1}) : x});
     }},
    {"Convolution",
     [](ir::Graph& graph, ir::ValueId x, int i) {
         const ir::ValueId w =
             i == 0 ? graph.add_constant("w", Tensor::zeros(DType::f32, {3, 3, 1})) : graph.find_value("w");
         return add(graph, "Conv", {x, w});
     }},
};

class LongChain : public testing::TestWithParam<Chain> {};

TEST_P(LongChain, IsSimplifiedInProportionateTime) {
    ir::Graph graph;
    ir::ValueId x = graph.add_input("x", DType::f32, ir::to_dims(Shape{2, 3, 4}));
    for (int i = 0; i < kNodes; ++i) x = GetParam().link(graph, x, i);
    graph.outputs = {{"y", x}};
    const std::clock_t start = std::clock();
    EXPECT_TRUE(simplify(graph).settled);
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, kMaxSeconds);
}

INSTANTIATE_TEST_SUITE_P(Pass, LongChain, testing::ValuesIn(kChains),
                         [](const testing::TestParamInfo<Chain>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace fovea::pass
