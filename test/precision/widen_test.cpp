#include "precision/widen.hpp"

#include <gtest/gtest.h>

#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "pass/graph_tools.hpp"

namespace fovea::precision {
namespace {

constexpr std::string_view kHalf = R"(graph "net" {
  input %x : f16[1, 4]
  input %s : f32[]
  const %w : f16[4, 3] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0.5, 0.25, 0.125]
  %n : f16[*] = Cast(%s) {to = 10}
  %a : f16[*] = MatMul(%x, %w)
  %b : f16[*] = Mul(%a, %n)
  %f : f32[*] = Cast(%b) {to = 1}
  output "y" = %b
  output "z" = %f
})";

TEST(Widen, KeepsTheTypesOfInputsAndOutputs) {
    const ir::Graph graph = widen(ir::parse(kHalf), DType::f16);
    EXPECT_EQ(test::canonical_text(graph), test::canonical_text(ir::parse(R"(graph "net" {
      input %x : f16[1, 4]
      input %s : f32[]
      const %w : f32[4, 3] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0.5, 0.25, 0.125]
      %n : f32[*] = Cast(%s) {to = 1}
      %xw : f32[*] = Cast(%x) {to = 1}
      %a : f32[*] = MatMul(%xw, %w)
      %b : f32[*] = Mul(%a, %n)
      %f : f32[*] = Cast(%b) {to = 1}
      %y : f16[*] = Cast(%b) {to = 10}
      output "y" = %y
      output "z" = %f
    })")));
    EXPECT_TRUE(holds(graph, DType::f16));
}

TEST(Widen, ComputesTheSame) {
    const ir::Graph half = ir::parse(kHalf), wide = widen(half, DType::f16);
    const auto inputs = test::random_inputs(half, 3);
    const auto expected = ops::evaluate(half, inputs), found = ops::evaluate(wide, inputs);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(found[i].dtype(), expected[i].dtype());
        EXPECT_LT(test::relative_error(found[i], expected[i]), 2e-3);
    }
}

TEST(Widen, LeavesBodiesAndBitsAlone) {
    const ir::Graph half = ir::parse(R"(graph "net" {
      input %c : bool[]
      input %x : f16[2, 3]
      %r : f16[*] = Relu(%x)
      %i : f16[*] = If(%c, %r) {captures = 1,
        then_branch = graph "t" {
          input %v : f16[*]
          %n : f16[*] = Neg(%v)
          output "o" = %n
        },
        else_branch = graph "e" {
          input %u : f16[*]
          %a : f16[*] = Abs(%u)
          output "o" = %a
        }
      }
      %s : f16[*] = Add(%i, %r)
      %b : i16[*] = BitCast(%s) {to = 5}
      output "y" = %s
      output "b" = %b
    })");
    const ir::Graph wide = widen(half, DType::f16);
    for (const ir::NodeId id : wide.order()) {
        const ir::Node& node = wide.node(id);
        if (node.op == "Add") {
            EXPECT_EQ(wide.value(node.outputs[0]).dtype, DType::f32);
        }
        if (node.op == "If") {
            EXPECT_EQ(wide.value(node.outputs[0]).dtype, DType::f16);
        }
    }
    for (const bool condition : {false, true}) {
        auto inputs = test::random_inputs(half, 4);
        inputs[0] = Tensor::scalar(condition);
        const auto expected = ops::evaluate(half, inputs), found = ops::evaluate(wide, inputs);
        EXPECT_TRUE(found[0].equals(expected[0]));
        EXPECT_TRUE(found[1].equals(expected[1]));
    }
}

TEST(Widen, LeavesOtherTypesAlone) {
    const ir::Graph graph = ir::parse(R"(graph "net" {
      input %x : f32[2]
      %y : f32[*] = Relu(%x)
      output "y" = %y
    })");
    EXPECT_FALSE(holds(graph, DType::f16));
    EXPECT_EQ(test::canonical_text(widen(graph, DType::f16)), test::canonical_text(graph));
}

}  // namespace
}  // namespace fovea::precision
