#include <gtest/gtest.h>

#include "fovea/error.hpp"
#include "ops/graphs.hpp"

namespace fovea::test {
namespace {

using Floats = std::vector<float>;

Tensor result(std::string_view text, std::vector<Tensor> inputs) { return results(text, std::move(inputs)).at(0); }

TEST(Transpose, MovesAxes) {
    const Tensor y = result(R"(graph "g" {
      input %x : f16[2, 3, 4]
      %y : f16[*] = Transpose(%x) {perm = [2, 0, 1]}
      output "y" = %y
    })",
                            {counting({2, 3, 4}, DType::f16)});
    EXPECT_EQ(y.shape(), (Shape{4, 2, 3}));
    EXPECT_EQ(y.to_float()[7], 5.0f);
}

TEST(Transpose, ReversesByDefaultAndKeepsSymbols) {
    EXPECT_EQ(inferred(R"(graph "g" {
      input %x : f32[n, 3, h]
      %y : f32[*] = Transpose(%x)
      output "y" = %y
    })"),
              "[h, 3, n]");
}

TEST(Concat, Joins) {
    const Tensor y = result(R"(graph "g" {
      input %a : f32[2, 1, 2]
      input %b : f32[2, 3, 2]
      %y : f32[*] = Concat(%a, %b, %a) {axis = -2}
      output "y" = %y
    })",
                            {counting({2, 1, 2}), counting({2, 3, 2})});
    EXPECT_EQ(y.to_float(), (Floats{0, 1, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 2, 3}));
}

TEST(Concat, KnowsEachSizeFromAnyInput) {
    EXPECT_EQ(inferred(R"(graph "g" {
      input %a : f32[n, 2, ?]
      input %b : f32[?, 3, 5]
      %y : f32[*] = Concat(%a, %b) {axis = 1}
      output "y" = %y
    })"),
              "[n, 5, 5]");
}

TEST(Slice, WalksBackwardsAndClamps) {
    const Tensor y = result(R"(graph "g" {
      input %x : f32[5, 6]
      const %starts : i64[2] = [-1, 1]
      const %ends : i64[2] = [-9223372036854775807, 9223372036854775807]
      const %axes : i64[2] = [0, -1]
      const %steps : i64[2] = [-2, 3]
      %y : f32[*] = Slice(%x, %starts, %ends, %axes, %steps)
      output "y" = %y
    })",
                            {counting({5, 6})});
    EXPECT_EQ(y.shape(), (Shape{3, 2}));
    EXPECT_EQ(y.to_float(), (Floats{25, 28, 13, 16, 1, 4}));
}

TEST(Slice, KeepsASymbolicAxisThatIsWhole) {
    EXPECT_EQ(inferred(R"(graph "g" {
      input %x : f32[n, h, 8]
      const %starts : i64[3] = [0, 0, 2]
      const %ends : i64[3] = [9223372036854775807, 4, -1]
      %y : f32[*] = Slice(%x, %starts, %ends)
      output "y" = %y
    })"),
              "[n, ?, 5]");
}

TEST(Slice, RefusesAStepOfZero) {
    EXPECT_THROW(inferred(R"(graph "g" {
      input %x : f32[4]
      const %zero : i64[1] = [0]
      const %end : i64[1] = [2]
      %y : f32[*] = Slice(%x, %zero, %end, %zero, %zero)
      output "y" = %y
    })"),
                 Error);
}

TEST(Gather, PicksAlongAnAxis) {
    const Tensor y = result(R"(graph "g" {
      input %x : i8[2, 4, 3]
      input %i : i64[2, 2]
      %y : i8[*] = Gather(%x, %i) {axis = 1}
      output "y" = %y
    })",
                            {counting({2, 4, 3}, DType::i8), Tensor::from<std::int64_t>({2, 2}, {3, -4, 1, 1})});
    EXPECT_EQ(y.shape(), (Shape{2, 2, 2, 3}));
    EXPECT_EQ(y.to_float()[0], 9);
    EXPECT_EQ(y.to_float()[3], 0);
}

TEST(Gather, OfAScalarIndexDropsTheAxis) {
    const Tensor y = result(R"(graph "g" {
      input %x : f32[2, 3]
      const %i : i64[] = [2]
      %y : f32[*] = Gather(%x, %i) {axis = 1}
      output "y" = %y
    })",
                            {counting({2, 3})});
    EXPECT_EQ(y.to_float(), (Floats{2, 5}));
}

TEST(Gather, RefusesAnIndexOutside) {
    EXPECT_THROW(results(R"(graph "g" {
      input %x : f32[3]
      input %i : i64[1]
      %y : f32[*] = Gather(%x, %i)
      output "y" = %y
    })",
                         {counting({3}), Tensor::vector({3})}),
                 Error);
}

TEST(GatherElements, PicksAlongAnAxis) {
    const Tensor y = result(R"(graph "g" {
      input %x : f32[3, 3]
      input %i : i64[2, 3]
      %y : f32[*] = GatherElements(%x, %i)
      output "y" = %y
    })",
                            {counting({3, 3}), Tensor::from<std::int64_t>({2, 3}, {1, 2, 0, 2, 0, -3})});
    EXPECT_EQ(y.to_float(), (Floats{3, 7, 2, 6, 1, 2}));
}

TEST(GatherND, WithBatchAxis) {
    const auto y = results(R"(graph "g" {
      input %x : f32[2, 2, 2]
      input %i : i64[2, 1]
      %y : f32[*] = GatherND(%x, %i) {batch_dims = 1}
      output "y" = %y
    })",
                           {counting({2, 2, 2}), Tensor::from<std::int64_t>({2, 1}, {1, 0})});
    EXPECT_EQ(y[0].to_float(), (Floats{2, 3, 4, 5}));
}

Tensor padded(const std::string& mode, const std::string& pads, std::int64_t size) {
    return result("graph \"g\" { input %x : f32[2, " + std::to_string(size) + "]\n const %p : i64[2] = " + pads +
                      "\n const %v : f32[] = [9]\n const %axes : i64[1] = [-1]\n" +
                      "%y : f32[*] = Pad(%x, %p, %v, %axes) {mode = \"" + mode + "\"}\n output \"y\" = %y }",
                  {counting({2, size})});
}

TEST(Pad, EveryMode) {
    EXPECT_EQ(padded("constant", "[1, 2]", 2).to_float(), (Floats{9, 0, 1, 9, 9, 9, 2, 3, 9, 9}));
    EXPECT_EQ(padded("edge", "[1, 2]", 2).to_float(), (Floats{0, 0, 1, 1, 1, 2, 2, 3, 3, 3}));
    EXPECT_EQ(padded("reflect", "[2, 1]", 3).to_float(), (Floats{2, 1, 0, 1, 2, 1, 5, 4, 3, 4, 5, 4}));
    EXPECT_EQ(padded("wrap", "[2, 1]", 3).to_float(), (Floats{1, 2, 0, 1, 2, 0, 4, 5, 3, 4, 5, 3}));
}

TEST(Pad, CutsWithNegativeNumbers) {
    EXPECT_EQ(padded("constant", "[-1, 1]", 3).to_float(), (Floats{1, 2, 9, 4, 5, 9}));
    EXPECT_EQ(padded("edge", "[2, -2]", 3).to_float(), (Floats{0, 0, 0, 3, 3, 3}));
    EXPECT_THROW(padded("constant", "[-3, -1]", 3), Error);
    EXPECT_THROW(padded("constant", "[-9223372036854775807, 9223372036854775807]", 3), Error);
}

TEST(Expand, Broadcasts) {
    const Tensor y = result(R"(graph "g" {
      input %x : f32[2, 1]
      const %s : i64[3] = [2, 1, 3]
      %y : f32[*] = Expand(%x, %s)
      output "y" = %y
    })",
                            {counting({2, 1})});
    EXPECT_EQ(y.to_float(), (Floats{0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1}));
}

TEST(Tile, Repeats) {
    const Tensor y = result(R"(graph "g" {
      input %x : f32[1, 2]
      const %r : i64[2] = [2, 3]
      %y : f32[*] = Tile(%x, %r)
      output "y" = %y
    })",
                            {counting({1, 2})});
    EXPECT_EQ(y.to_float(), (Floats{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
}

TEST(Tile, RefusesMoreElementsThanTheLimit) {
    EXPECT_THROW(results(R"(graph "g" {
      input %x : f32[4, 4]
      const %r : i64[2] = [4611686018427387904, 4]
      %y : f32[*] = Tile(%x, %r)
      output "y" = %y
    })",
                         {counting({4, 4})}),
                 Error);
}

TEST(Split, LastPartIsSmaller) {
    const auto y = results(R"(graph "g" {
      input %x : f32[2, 5]
      %a : f32[*], %b : f32[*], %c : f32[*] = Split(%x) {axis = 1, num_outputs = 3}
      output "a" = %a
      output "c" = %c
    })",
                           {counting({2, 5})});
    EXPECT_EQ(y[0].to_float(), (Floats{0, 1, 5, 6}));
    EXPECT_EQ(y[1].to_float(), (Floats{4, 9}));
}

TEST(Squeeze, RemovesAxes) {
    result(R"(graph "g" {
      input %x : f32[2, 1, 3, 1]
      const %axes : i64[1] = [-3]
      %y : f32[*] = Squeeze(%x, %axes)
      output "y" = %y
    })",
           {counting({2, 1, 3, 1})});
    const Tensor y = result(R"(graph "g" {
      input %x : f32[2, 3]
      const %axes : i64[2] = [0, -1]
      %y : f32[*] = Unsqueeze(%x, %axes)
      output "y" = %y
    })",
                            {counting({2, 3})});
    EXPECT_EQ(y.shape(), (Shape{1, 2, 3, 1}));
}

}  // namespace
}  // namespace fovea::test
