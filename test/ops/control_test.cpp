#include <gtest/gtest.h>

#include "fovea/error.hpp"
#include "ops/graphs.hpp"

namespace fovea::test {
namespace {

using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

constexpr std::string_view kIf = R"(graph "g" {
  input %c : bool[]
  input %x : f32[n, 2]
  %y : f32[*] = If(%c, %x) {captures = 1,
    then_branch = graph "then" {
      input %x : f32[n, 2]
      %y : f32[*] = Concat(%x, %x) {axis = 0}
      output "y" = %y
    },
    else_branch = graph "else" {
      input %x : f32[n, 2]
      const %s : i64[1] = [1]
      const %e : i64[1] = [-1]
      %y : f32[*] = Slice(%x, %s, %s, %s)
      %z : f32[*] = Concat(%x, %y) {axis = 1}
      output "y" = %z
    }}
  output "y" = %y
})";

TEST(If, TakesTheBranch) {
    EXPECT_EQ(results(kIf, {Tensor::scalar(true), counting({1, 2})})[0].to_float(), (Floats{0, 1, 0, 1}));
    EXPECT_EQ(results(kIf, {Tensor::scalar(false), counting({1, 2})})[0].to_float(), (Floats{0, 1}));
}

TEST(If, KnowsWhatBothBranchesAgreeOn) { EXPECT_EQ(inferred(kIf), "[?, 2]"); }

/// Doubles a value `trips` times unless the condition ends the loop, and stacks the numbers of the iterations.
std::string loop(const std::string& inputs) {
    return R"(graph "g" {
      input %trips : i64[]
      input %go : bool[]
      input %x : f32[n]
      input %limit : i64[]
      const %four : i64[] = [4]
      %y : f32[*], %counts : i64[*] = Loop()" +
           inputs + R"(, %x, %limit) {captures = 1, body = graph "body" {
        input %i : i64[]
        input %go : bool[]
        input %x : f32[n]
        input %limit : i64[]
        %y : f32[*] = Concat(%x, %x) {axis = 0}
        const %one : i64[1] = [1]
        %size : i64[*] = Expand(%i, %one)
        %s : bool[*] = Less(%i, %limit)
        output "go" = %s
        output "y" = %y
        output "i" = %size
      }}
      output "y" = %y
      output "counts" = %counts
    })";
}

std::vector<Tensor> looped(const std::string& inputs, std::int64_t trips, bool go, std::int64_t limit) {
    return results(loop(inputs), {Tensor::scalar(trips), Tensor::scalar(go), counting({2}), Tensor::scalar(limit)});
}

TEST(Loop, EndsByCountOrCondition) {
    EXPECT_EQ(looped("%trips, %go", 2, true, 9)[0].shape(), (Shape{8}));
    EXPECT_EQ(looped("%trips, %go", 9, true, 1)[1].to_int64(), (Integers{0, 1}));
    EXPECT_EQ(looped("_, %go", 0, true, 2)[1].to_int64(), (Integers{0, 1, 2}));
    EXPECT_EQ(looped("%trips, _", 3, true, 0)[1].shape(), (Shape{3, 1}));
    EXPECT_THROW(looped("_, _", 3, true, 0), Error);
}

TEST(Loop, WithoutIterationsKeepsItsInputs) {
    const auto y = looped("%trips, %go", 0, true, 9);
    EXPECT_EQ(y[0].to_float(), (Floats{0, 1}));
    EXPECT_EQ(y[1].shape(), (Shape{0, 1}));
    EXPECT_EQ(looped("%trips, %go", 3, false, 9)[1].dtype(), DType::i64);
}

TEST(Loop, KnowsSizesThatIterationsKeep) {
    EXPECT_EQ(inferred(loop("%four, _"), 0), "[?]");
    EXPECT_EQ(inferred(loop("%four, _"), 1), "[4, 1]");
    EXPECT_EQ(inferred(loop("%trips, %go"), 1), "[?, 1]");
}

constexpr std::string_view kScan = R"(graph "g" {
  input %sum : f32[2]
  input %x : f32[2, t]
  input %z : f32[t, 2]
  input %w : f32[2]
  %final : f32[*], %sums : f32[*], %scaled : f32[*] = Scan(%sum, %x, %z, %w) {captures = 1, num_scan_inputs = 2,
    scan_input_axes = [-1, 0], scan_input_directions = [0, 1], scan_output_axes = [0, -1], scan_output_directions = [1, 0],
    body = graph "body" {
      input %sum : f32[2]
      input %x : f32[2]
      input %z : f32[2]
      input %w : f32[2]
      %next : f32[*] = Add(%sum, %x)
      %scaled : f32[*] = Mul(%z, %w)
      output "next" = %next
      output "sum" = %next
      output "scaled" = %scaled
    }}
  output "final" = %final
  output "sums" = %sums
  output "scaled" = %scaled
})";

TEST(Scan, WalksAxesInBothDirections) {
    const auto y = results(
        kScan, {Tensor::zeros(DType::f32, {2}), counting({2, 3}), counting({3, 2}), Tensor::from<float>({2}, {1, 10})});
    EXPECT_EQ(y[0].to_float(), (Floats{3, 12}));
    EXPECT_EQ(y[1].to_float(), (Floats{3, 12, 1, 7, 0, 3}));
    EXPECT_EQ(y[2].to_float(), (Floats{4, 2, 0, 50, 30, 10}));
}

TEST(Scan, KeepsTheSymbolOfTheLength) {
    EXPECT_EQ(inferred(kScan, 1), "[t, 2]");
    EXPECT_EQ(inferred(kScan, 2), "[2, t]");
}

TEST(Scan, OfNothing) {
    const auto y = results(kScan, {counting({2}), counting({2, 0}), counting({0, 2}), counting({2})});
    EXPECT_EQ(y[0].to_float(), (Floats{0, 1}));
    EXPECT_EQ(y[2].shape(), (Shape{2, 0}));
}

TEST(Scan, RefusesLengthsThatDiffer) {
    EXPECT_THROW(results(kScan, {counting({2}), counting({2, 3}), counting({4, 2}), counting({2})}), Error);
}

TEST(Scan, RefusesABodyOfOtherInputs) {
    EXPECT_THROW(inferred(R"(graph "g" {
      input %x : f32[3]
      %y : f32[*] = Scan(%x) {num_scan_inputs = 1, body = graph "body" {
        const %y : f32[1] = [1]
        output "y" = %y
      }}
      output "y" = %y
    })"),
                 Error);
}

}  // namespace
}  // namespace fovea::test
