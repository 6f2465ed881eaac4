#include <gtest/gtest.h>

#include "fovea/error.hpp"
#include "ops/graphs.hpp"

namespace fovea::test {
namespace {

/// Exporters flatten all but the batch with this arithmetic on sizes.
TEST(Sizes, FlowFromShapeToReshape) {
    EXPECT_EQ(inferred(R"(graph "g" {
      input %x : f32[batch, 256, 7, 7]
      %shape : i64[*] = Shape(%x)
      const %zero : i64[] = [0]
      %n : i64[*] = Gather(%shape, %zero)
      const %axis : i64[1] = [0]
      %batch : i64[*] = Unsqueeze(%n, %axis)
      const %rest : i64[2] = [256, -1]
      %wanted : i64[*] = Concat(%batch, %rest) {axis = 0}
      %y : f32[*] = Reshape(%x, %wanted)
      output "y" = %y
    })"),
              "[batch, 256, 49]");
}

TEST(Sizes, OfAStaticInputAreConstant) {
    EXPECT_EQ(inferred(R"(graph "g" {
      input %x : f32[2, 3, 8, 8]
      %shape : i64[*] = Shape(%x) {start = -2}
      const %starts : i64[1] = [1]
      const %ends : i64[1] = [2]
      %width : i64[*] = Slice(%shape, %starts, %ends)
      %y : f32[*] = ConstantOfShape(%width)
      %count : i64[*] = Size(%x)
      const %zero : i64[1] = [0]
      %vector : i64[*] = Unsqueeze(%count, %zero)
      %z : f32[*] = ConstantOfShape(%vector)
      output "y" = %y
      output "z" = %z
    })",
                       1),
              "[384]");
}

TEST(Sizes, FlowThroughSplitAndExpand) {
    EXPECT_EQ(inferred(R"(graph "g" {
      input %x : f32[n, 3, w]
      %shape : i64[*] = Shape(%x)
      %a : i64[*], %b : i64[*], %c : i64[*] = Split(%shape) {num_outputs = 3}
      %wanted : i64[*] = Concat(%c, %a) {axis = 0}
      const %one : f32[1, 1] = [1]
      %y : f32[*] = Expand(%one, %wanted)
      output "y" = %y
    })"),
              "[w, n]");
}

std::string reshaped(const std::string& dims, const std::string& shape, const std::string& attributes = "") {
    return inferred("graph \"g\" { input %x : f32" + dims + "\n const %s : i64" + shape +
                    "\n %y : f32[*] = Reshape(%x, %s)" + attributes + "\n output \"y\" = %y }");
}

TEST(Reshape, CancelsWhatIsKnown) {
    EXPECT_EQ(reshaped("[n, 4, 6]", "[2] = [-1, 24]"), "[n, 24]");
    EXPECT_EQ(reshaped("[n, 4, 6]", "[2] = [0, -1]"), "[n, 24]");
    EXPECT_EQ(reshaped("[n, 4, 6]", "[2] = [-1, 12]"), "[?, 12]");
    EXPECT_EQ(reshaped("[n, 4, m]", "[1] = [-1]"), "[?]");
    EXPECT_EQ(reshaped("[0, 4]", "[2] = [0, -1]"), "[0, 4]");
    EXPECT_EQ(reshaped("[0, 4]", "[2] = [5, 0]", " {allowzero = 1}"), "[5, 0]");
    EXPECT_EQ(reshaped("[*]", "[2] = [3, -1]"), "[3, ?]");
}

TEST(Reshape, RefusesWhatDoesNotFit) {
    EXPECT_THROW(reshaped("[2, 4]", "[2] = [3, -1]"), Error);
    EXPECT_THROW(reshaped("[2, 4]", "[2] = [-1, -1]"), Error);
    EXPECT_THROW(reshaped("[2, 4]", "[2] = [-2, 4]"), Error);
    EXPECT_THROW(reshaped("[2, 4]", "[3] = [2, 4, 0]"), Error);
    EXPECT_THROW(reshaped("[2, 4]", "[2] = [0, -1]", " {allowzero = 1}"), Error);
    EXPECT_THROW(reshaped("[2, 4]", "[2] = [4611686018427387904, 4]"), Error);
}

TEST(Flatten, MultipliesTheSizes) {
    EXPECT_EQ(inferred(R"(graph "g" {
      input %x : f32[n, 3, 4, 4]
      %y : f32[*] = Flatten(%x)
      output "y" = %y
    })"),
              "[n, 48]");
    EXPECT_EQ(results(R"(graph "g" {
      input %x : f32[2, 3, 4]
      %y : f32[*] = Flatten(%x) {axis = -1}
      output "y" = %y
    })",
                      {counting({2, 3, 4})})[0]
                  .shape(),
              (Shape{6, 4}));
}

TEST(ConstantOfShape, FillsWithItsValue) {
    const auto y = results(R"(graph "g" {
      input %s : i64[2]
      %y : i32[*] = ConstantOfShape(%s) {value = tensor i32[1] = [7]}
      output "y" = %y
    })",
                           {Tensor::vector({2, 2})});
    EXPECT_EQ(y[0].to_int64(), (std::vector<std::int64_t>{7, 7, 7, 7}));
}

TEST(ConstantOfShape, RefusesHugeAndNegativeSizes) {
    const char* text = R"(graph "g" {
      input %s : i64[2]
      %y : f32[*] = ConstantOfShape(%s)
      output "y" = %y
    })";
    EXPECT_THROW(results(text, {Tensor::vector({1LL << 40, 1LL << 40})}), Error);
    EXPECT_THROW(results(text, {Tensor::vector({1LL << 20, 1LL << 20})}), Error);
    EXPECT_THROW(results(text, {Tensor::vector({-1, 2})}), Error);
}

}  // namespace
}  // namespace fovea::test
