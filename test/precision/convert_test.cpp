#include "precision/convert.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "ops/infer.hpp"
#include "pass/graph_tools.hpp"

namespace fovea::precision {
namespace {

constexpr std::string_view kNet = R"(graph "net" {
  input %x : f32[n, 2, 4, 4]
  const %w : f32[2, 2, 1, 1] = [1, 2, 3, 4]
  const %b : f32[2] = [0.1, 0.2]
  const %v : f32[3, 2, 1, 1] = [1, 2, 3, 4, 5, 6]
  const %half : f32[] = [0.5]
  %a : f32[*] = Conv(%x, %w, %b) name "first" from ["first"]
  %r : f32[*] = Relu(%a) name "relu" from ["relu"]
  %c : f32[*] = Conv(%r, %v) name "second" from ["second"]
  %s : f32[*] = Sigmoid(%c) name "sigmoid" from ["sigmoid"]
  %y : f32[*] = Mul(%s, %half) name "scale" from ["scale"]
  output "y" = %y
}
)";

ir::Graph network(std::string_view text) {
    ir::Graph graph = ir::parse(text);
    ops::annotate(graph);
    return graph;
}

const Choice& choice(const std::vector<Choice>& choices, std::string_view name) {
    return *std::find_if(choices.begin(), choices.end(), [&](const Choice& one) { return one.name == name; });
}

TEST(Convert, NarrowsBetweenOperatorsAndKeepsTheTail) {
    ir::Graph graph = network(kNet);
    const auto choices = convert(graph, {});
    EXPECT_EQ(test::canonical_text(graph), test::canonical_text(ir::parse(R"(graph "net" {
      input %x : f32[n, 2, 4, 4]
      const %w : bf16[2, 2, 1, 1] = [1, 2, 3, 4]
      const %b : f32[2] = [0.1, 0.2]
      const %v : bf16[3, 2, 1, 1] = [1, 2, 3, 4, 5, 6]
      const %half : f32[] = [0.5]
      %xn : bf16[*] = Cast(%x) {to = 16}
      %a : bf16[*] = Conv(%xn, %w, %b)
      %r : bf16[*] = Relu(%a)
      %c : bf16[*] = Conv(%r, %v)
      %cw : f32[*] = Cast(%c) {to = 1}
      %s : f32[*] = Sigmoid(%cw)
      %y : f32[*] = Mul(%s, %half)
      output "y" = %y
    })")));
    ASSERT_EQ(choices.size(), 5u);
    EXPECT_EQ(choice(choices, "second").type, DType::bf16);
    EXPECT_EQ(choice(choices, "second").reason, "");
    EXPECT_EQ(choice(choices, "scale").type, DType::f32);
    EXPECT_NE(choice(choices, "scale").reason, "");
}

TEST(Convert, KeepsTheDigitsOfNumbers) {
    ir::Graph graph = network(R"(graph "net" {
      input %x : f32[1, 8]
      const %w : f32[8, 8] = random(1)
      const %b : f32[8] = random(2)
      const %one : f32[] = [1]
      %m : f32[*] = MatMul(%x, %w) name "product"
      %a : f32[*] = Add(%m, %b) name "bias"
      %s : f32[*] = Sub(%one, %a) name "from one"
      %n : f32[*] = MatMul(%s, %w) name "last"
      output "y" = %n
    })");
    convert(graph, {});
    for (const char* name : {"bias", "from one"}) {
        const auto order = graph.order();
        const ir::Node& node = graph.node(
            *std::find_if(order.begin(), order.end(), [&](ir::NodeId id) { return graph.node(id).name == name; }));
        EXPECT_EQ(graph.value(node.outputs[0]).dtype, DType::bf16) << name;
        for (const ir::ValueId input : node.inputs)
            EXPECT_EQ(graph.value(input).dtype, graph.constant(input) ? DType::f32 : DType::bf16) << name;
    }
}

TEST(Convert, StaysCloseToF32) {
    const ir::Graph wide = network(kNet);
    const auto inputs = test::random_inputs(wide, 3);
    for (const DType type : {DType::bf16, DType::f16}) {
        ir::Graph narrow = wide;
        convert(narrow, {.type = type});
        const double error = test::relative_error(ops::evaluate(narrow, inputs)[0], ops::evaluate(wide, inputs)[0]);
        EXPECT_LT(error, type == DType::bf16 ? 2e-2 : 2e-3);
        EXPECT_GT(error, 0);
    }
}

TEST(Convert, ObeysPinsAndRefusesThoseThatItCannot) {
    ir::Graph graph = network(kNet);
    const auto choices = convert(graph, {.pins = {{"second", DType::f32}}});
    EXPECT_EQ(choice(choices, "second").type, DType::f32);
    EXPECT_EQ(choice(choices, "second").reason, "pinned");
    EXPECT_EQ(choice(choices, "first").type, DType::bf16);
    EXPECT_THROW(convert(graph, {.pins = {{"missing", DType::f32}}}), Error);
    EXPECT_THROW(convert(graph, {.type = DType::i8}), Error);
}

TEST(Convert, KeepsNodesWithConstantsBeyondTheRangeOfF16) {
    const ir::Graph wide = network(R"(graph "net" {
      input %x : f32[1, 2, 4, 4]
      const %w : f32[2, 2, 1, 1] = [1, 2, 3, 65519]
      const %v : f32[2, 2, 1, 1] = [1, 2, 3, -65520]
      %a : f32[*] = Conv(%x, %w) name "within"
      %b : f32[*] = Conv(%a, %v) name "beyond"
      %c : f32[*] = Conv(%b, %w) name "last"
      output "y" = %c
    })");
    ir::Graph graph = wide;
    const auto choices = convert(graph, {.type = DType::f16});
    EXPECT_EQ(choice(choices, "within").type, DType::f16);
    EXPECT_EQ(choice(choices, "beyond").type, DType::f32);
    EXPECT_EQ(choice(choices, "beyond").reason, "a constant is beyond the range of f16");
    EXPECT_EQ(choice(choices, "last").type, DType::f16);
    graph = wide;
    EXPECT_THROW(convert(graph, {.type = DType::f16, .pins = {{"beyond", DType::f16}}}), Error);
    graph = wide;
    EXPECT_EQ(choice(convert(graph, {}), "beyond").type, DType::bf16);
}

TEST(Convert, KeepsCoordinatesAndDelicateOperators) {
    const ir::Graph wide = network(R"(graph "net" {
      input %x : f32[1, 2, 4, 4]
      input %grid : f32[1, 4, 4, 2]
      const %w : f32[2, 2, 1, 1] = [1, 2, 3, 4]
      const %two : f32[] = [2]
      %g : f32[*] = Mul(%grid, %two) name "move"
      %s : f32[*] = GridSample(%x, %g) name "sample"
      %y : f32[*] = Conv(%s, %w) name "conv"
      %z : f32[*] = Sin(%y) name "sine"
      %n : f32[*] = Conv(%z, %w) name "last"
      output "y" = %n
    })");
    ir::Graph graph = wide;
    const auto choices = convert(graph, {});
    EXPECT_EQ(choice(choices, "move").type, DType::f32);
    EXPECT_EQ(choice(choices, "sample").type, DType::bf16);
    EXPECT_EQ(choice(choices, "conv").type, DType::bf16);
    EXPECT_EQ(choice(choices, "sine").type, DType::f32);
    EXPECT_NE(choice(choices, "sine").reason, "");
    EXPECT_EQ(choice(choices, "last").type, DType::bf16);
    graph = wide;
    EXPECT_THROW(convert(graph, {.pins = {{"sine", DType::bf16}}}), Error);
}

}  // namespace
}  // namespace fovea::precision
