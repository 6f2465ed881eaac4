#include <gtest/gtest.h>

#include "ir/text.hpp"
#include "ops/infer.hpp"

namespace fovea::ops {
namespace {

/// Content of an operator's output on a vector of sizes and one constant operand.
std::optional<ir::Dims> content(const std::string& op, const ir::Dims& sizes, const Tensor& constant,
                                bool first = true) {
    const ValueInfo vector{DType::i64, ir::Dims{static_cast<std::int64_t>(sizes.size())}, Tensor(), sizes};
    const ValueInfo operand{constant.dtype(), ir::to_dims(constant.shape()), constant, std::nullopt};
    const ir::Node node{.op = op, .name = "n", .inputs = {0, 1}, .outputs = {2}};
    const auto outputs = first ? infer_node(node, {&vector, &operand}) : infer_node(node, {&operand, &vector});
    return outputs.front().content;
}

const ir::Dims kSizes = {ir::Dim("n"), 3, ir::Dim()};

TEST(Content, ArithmeticKeepsSymbolsWhereNothingChanges) {
    EXPECT_EQ(content("Mul", kSizes, Tensor::scalar<std::int64_t>(1)), kSizes);
    EXPECT_EQ(content("Add", kSizes, Tensor::scalar<std::int64_t>(0), false), kSizes);
    EXPECT_EQ(content("Div", kSizes, Tensor::vector({1, 2, 1})), (ir::Dims{ir::Dim("n"), 1, ir::Dim()}));
    EXPECT_EQ(content("Mul", kSizes, Tensor::scalar<std::int64_t>(0)), (ir::Dims{0, 0, 0}));
    EXPECT_EQ(content("Sub", kSizes, Tensor::vector({1, 1, 1})), (ir::Dims{ir::Dim(), 2, ir::Dim()}));
}

TEST(Content, NumbersBelowZeroAreNotSizes) {
    EXPECT_EQ(content("Sub", kSizes, Tensor::scalar<std::int64_t>(5)), (ir::Dims{ir::Dim(), ir::Dim(), ir::Dim()}));
}

TEST(Content, DivisionByZeroIsAnswered) {
    EXPECT_EQ(content("Div", {6}, Tensor::vector({0})), (ir::Dims{0}));
    EXPECT_TRUE(content("Mod", {6}, Tensor::vector({0})) == std::nullopt);
}

TEST(Content, ExtremaUseThatSizesAreNotNegative) {
    EXPECT_EQ(content("Max", kSizes, Tensor::scalar<std::int64_t>(0)), (ir::Dims{ir::Dim("n"), 3, ir::Dim()}));
    EXPECT_EQ(content("Min", kSizes, Tensor::scalar<std::int64_t>(std::numeric_limits<std::int64_t>::max())), kSizes);
    EXPECT_EQ(content("Max", kSizes, Tensor::scalar<std::int64_t>(7)), (ir::Dims{ir::Dim(), 7, ir::Dim()}));
}

TEST(Content, ASizeNeverEqualsMinusOne) {
    EXPECT_EQ(content("Equal", kSizes, Tensor::scalar<std::int64_t>(-1)), (ir::Dims{0, 0, ir::Dim()}));
    EXPECT_EQ(content("Equal", kSizes, Tensor::vector({3, 3, 3})), (ir::Dims{ir::Dim(), 1, ir::Dim()}));
}

TEST(Content, ADecidedConditionIsConstant) {
    const ValueInfo vector{DType::i64, ir::Dims{1}, Tensor(), ir::Dims{ir::Dim("n")}};
    const Tensor minus_one = Tensor::vector({-1});
    const ValueInfo operand{DType::i64, ir::Dims{1}, minus_one, std::nullopt};
    const ir::Node node{.op = "Equal", .name = "n", .inputs = {0, 1}, .outputs = {2}};
    const Tensor decided = infer_node(node, {&vector, &operand}).front().constant;
    ASSERT_TRUE(decided);
    EXPECT_EQ(decided.to_int64(), (std::vector<std::int64_t>{0}));
}

TEST(Infer, BroadcastKeepsSymbols) {
    const ir::Graph graph = ir::parse(R"(graph "g" {
  input %a : f32[n, 1, h]
  input %b : f32[3, h]
  input %c : f32[?, 1]
  %y : undefined[*] = Sum(%a, %b, %c)
  output "y" = %y
})");
    EXPECT_EQ(ir::to_string(infer(graph)[static_cast<std::size_t>(graph.outputs[0].value)].dims), "[n, 3, h]");
}

}  // namespace
}  // namespace fovea::ops
