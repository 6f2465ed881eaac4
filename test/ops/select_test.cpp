#include <gtest/gtest.h>

#include <cmath>

#include "fovea/error.hpp"
#include "ops/graphs.hpp"

namespace fovea::test {
namespace {

using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

TEST(NonZero, ListsPlacesAxisByAxis) {
    const char* text = R"(graph "g" {
      input %x : f32[2, 3]
      %y : i64[*] = NonZero(%x)
      output "y" = %y
    })";
    const auto y = results(text, {Tensor::from<float>({2, 3}, {0, 1, NAN, 0, 0, -2})});
    EXPECT_EQ(y[0].shape(), (Shape{2, 3}));
    EXPECT_EQ(y[0].to_int64(), (Integers{0, 0, 1, 1, 2, 2}));
    EXPECT_EQ(inferred(text), "[2, ?]");
}

TEST(NonMaxSuppression, TakesScoresThatAreNoNumbersLast) {
    const char* text = R"(graph "g" {
      input %s : f32[1, 1, 5]
      const %b : f32[1, 5, 4] = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
      const %n : i64[] = [4]
      %y : i64[*] = NonMaxSuppression(%b, %s, %n)
      output "y" = %y
    })";
    const auto y = results(text, {Tensor::from<float>({1, 1, 5}, {NAN, 1, NAN, -INFINITY, 2})});
    EXPECT_EQ(y[0].to_int64(), (Integers{0, 0, 4, 0, 0, 1, 0, 0, 3, 0, 0, 0}));
}

TEST(NonZero, OfAConstantIsKnown) {
    EXPECT_EQ(inferred(R"(graph "g" {
      const %x : i64[4] = [0, 5, 0, 6]
      %places : i64[*] = NonZero(%x)
      %y : i64[*] = Transpose(%places)
      output "y" = %y
    })"),
              "[2, 1]");
}

TEST(Compress, RefusesAPlaceOutside) {
    EXPECT_THROW(results(R"(graph "g" {
      input %x : f32[2]
      const %c : bool[3] = [0, 0, 1]
      %y : f32[*] = Compress(%x, %c)
      output "y" = %y
    })",
                         {counting({2})}),
                 Error);
}

std::vector<Tensor> unique(const Tensor& x, const std::string& attributes) {
    return results(
        "graph \"g\" { input %x : f32[*]\n %y : f32[*], %first : i64[*], %inverse : i64[*], %count : i64[*] = "
        "Unique(%x) {" +
            attributes + "}\n output \"y\" = %y output \"a\" = %first output \"b\" = %inverse output \"c\" = %count }",
        {x});
}

TEST(Unique, KeepsTheOrderOfPlacesOrValues) {
    const auto x = Tensor::from<float>({7}, {2, NAN, 1, 3, 1, NAN, 3});
    auto y = unique(x, "sorted = 0");
    EXPECT_EQ(y[1].to_int64(), (Integers{0, 1, 2, 3}));
    EXPECT_EQ(y[2].to_int64(), (Integers{0, 1, 2, 3, 2, 1, 3}));
    EXPECT_EQ(y[3].to_int64(), (Integers{1, 2, 2, 2}));
    y = unique(x, "sorted = 1");
    EXPECT_EQ(y[1].to_int64(), (Integers{2, 0, 3, 1}));
}

TEST(Unique, ComparesSlicesOfAnAxis) {
    const auto x = Tensor::from<float>({2, 4, 2}, {1, 1, 0, 1, 2, 1, 0, 1, 1, 1, 0, 1, 2, 1, 0, 1});
    const auto y = unique(x, "axis = 1");
    EXPECT_EQ(y[0].shape(), (Shape{2, 3, 2}));
    EXPECT_EQ(y[0].to_float(), (Floats{0, 1, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1}));
    EXPECT_EQ(y[1].to_int64(), (Integers{1, 0, 2}));
    EXPECT_EQ(y[2].to_int64(), (Integers{1, 0, 2, 0}));
}

TEST(OneHot, CountsNegativeIndicesFromTheEnd) {
    const auto y = results(R"(graph "g" {
      input %i : i64[3]
      const %d : i64[] = [3]
      const %v : f32[2] = [-1, 1]
      %y : f32[*] = OneHot(%i, %d, %v)
      output "y" = %y
    })",
                           {Tensor::vector({-1, 3, 0})});
    EXPECT_EQ(y[0].to_float(), (Floats{-1, -1, 1, -1, -1, -1, 1, -1, -1}));
}

TEST(OneHot, RefusesAnEndlessDepth) {
    EXPECT_THROW(results(R"(graph "g" {
      input %i : i64[3]
      const %d : i64[] = [4611686018427387904]
      const %v : f32[2] = [-1, 1]
      %y : f32[*] = OneHot(%i, %d, %v)
      output "y" = %y
    })",
                         {Tensor::vector({-1, 3, 0})}),
                 Error);
}

TEST(Trilu, KeepsOneSideOfADiagonal) {
    const auto y = results(R"(graph "g" {
      input %x : f32[2, 3]
      const %k : i64[] = [1]
      %u : f32[*] = Trilu(%x, %k)
      %l : f32[*] = Trilu(%x, %k) {upper = 0}
      output "u" = %u
      output "l" = %l
    })",
                           {counting({2, 3})});
    EXPECT_EQ(y[0].to_float(), (Floats{0, 1, 2, 0, 0, 5}));
    EXPECT_EQ(y[1].to_float(), (Floats{0, 1, 0, 3, 4, 5}));
}

TEST(ReverseSequence, ReversesTheFirstPlaces) {
    const auto y = results(R"(graph "g" {
      input %x : f32[2, 3]
      const %l : i64[2] = [3, 2]
      %y : f32[*] = ReverseSequence(%x, %l) {batch_axis = 0, time_axis = 1}
      output "y" = %y
    })",
                           {counting({2, 3})});
    EXPECT_EQ(y[0].to_float(), (Floats{2, 1, 0, 4, 3, 5}));
}

TEST(ScatterElements, ReducesDuplicates) {
    const auto y = results(R"(graph "g" {
      input %x : f32[1, 3]
      const %i : i64[1, 2] = [1, -2]
      const %u : f32[1, 2] = [10, 20]
      %y : f32[*] = ScatterElements(%x, %i, %u) {axis = 1, reduction = "add"}
      output "y" = %y
    })",
                           {counting({1, 3})});
    EXPECT_EQ(y[0].to_float(), (Floats{0, 31, 2}));
}

TEST(ScatterND, RefusesAnIndexOutside) {
    const char* text = R"(graph "g" {
      input %x : f32[2, 2]
      input %i : i64[1, 1]
      const %u : f32[1, 2] = [10, 20]
      %y : f32[*] = ScatterND(%x, %i, %u)
      output "y" = %y
    })";
    EXPECT_EQ(results(text, {counting({2, 2}), Tensor::from<std::int64_t>({1, 1}, {-1})})[0].to_float(),
              (Floats{0, 1, 10, 20}));
    EXPECT_THROW(results(text, {counting({2, 2}), Tensor::from<std::int64_t>({1, 1}, {2})}), Error);
}

TEST(TensorScatter, WrapsAround) {
    const auto y = results(R"(graph "g" {
      input %x : f32[1, 3, 1]
      const %u : f32[1, 2, 1] = [10, 20]
      const %w : i64[1] = [5]
      %y : f32[*] = TensorScatter(%x, %u, %w) {mode = "circular"}
      output "y" = %y
    })",
                           {counting({1, 3, 1})});
    EXPECT_EQ(y[0].to_float(), (Floats{20, 1, 10}));
}

}  // namespace
}  // namespace fovea::test
