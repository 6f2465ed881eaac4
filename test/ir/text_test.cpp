#include "ir/text.hpp"

#include <gtest/gtest.h>

#include "fovea/error.hpp"
#include "ir/patch.hpp"
#include "ops/evaluate.hpp"
#include "ops/infer.hpp"

namespace fovea::ir {
namespace {

constexpr std::string_view kConv = R"(graph "net" {
  input %x : f32[n, 1, 3, 3]
  const %w : f32[1, 1, 2, 2] = [1, 2, 3, 4]
  %y : f32[*] = Conv(%x, %w) {pads = [0, 0, 0, 0], strides = [1, 1]} name "conv" from ["conv"]
  %"odd name" : f32[*] = Relu(%y)
  output "out" = %"odd name"
}
)";

TEST(Text, RoundTripsUnchanged) { EXPECT_EQ(print(parse(kConv)), kConv); }

TEST(Text, NamesLineAndColumnOfAMistake) {
    try {
        parse("graph \"g\" {\n  output \"y\" = %missing\n}");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos) << error.what();
    }
}

TEST(Evaluate, ConvolutionOfAKnownMatrix) {
    const Graph graph = parse(kConv);
    const auto x = Tensor::from<float>({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, -90});
    const auto y = ops::evaluate(graph, {x});
    EXPECT_EQ(y[0].shape(), (Shape{1, 1, 2, 2}));
    EXPECT_EQ(y[0].to_float(), (std::vector<float>{37, 47, 67, 0}));
}

TEST(Infer, KeepsTheSymbolicBatch) {
    Graph graph = parse(kConv);
    ops::annotate(graph);
    EXPECT_EQ(to_string(graph.value(graph.outputs[0].value).dims), "[n, 1, 2, 2]");
}

TEST(Patch, ReplacesAndKeepsProvenance) {
    Graph graph = parse(kConv);
    Patch patch(graph);
    const ValueId old = graph.outputs[0].value;
    patch.replace(old, patch.node("Sigmoid", {graph.find_value("y")}));
    patch.apply(graph);
    verify(graph);
    EXPECT_EQ(ops::evaluate(graph, {Tensor::zeros(DType::f32, {1, 1, 3, 3})})[0].to_float()[0], 0.5f);
}

}  // namespace
}  // namespace fovea::ir
