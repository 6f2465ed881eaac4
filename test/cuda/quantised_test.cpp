// Convolutions and matrix products of 8-bit numbers on the GPU: instances of their template for i8, u8 and e4m3.
#include <gtest/gtest.h>

#include <random>

#include "backend/cuda/cuda.hpp"
#include "compiler/gate.hpp"
#include "cuda/on_device.hpp"
#include "cuda/plans.hpp"
#include "ir/text.hpp"

namespace fovea::backend {
namespace {

/// "[3, -7, …]": whole numbers from `low` to `high`, divided by `divisor`.
std::string numbers(int count, int low, int high, int divisor = 1) {
    std::mt19937 random(static_cast<unsigned>(count));
    std::string text = "[";
    for (int i = 0; i < count; ++i) {
        const int n = low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
        text += (i ? ", " : "") + (divisor == 1 ? std::to_string(n) : std::to_string(static_cast<float>(n) / divisor));
    }
    return text + "]";
}

struct QuantisedCase {
    std::string name, text, pattern;
};

std::vector<QuantisedCase> cases() {
    return {
        {"i8_to_i8",
         R"(graph "g" {
          input %x : i8[2, 32, 11, 9]
          const %w : i8[40, 32, 3, 3] = )" +
             numbers(40 * 32 * 9, -127, 127) + R"(
          const %b : i32[40] = )" +
             numbers(40, -9000, 9000) + R"(
          const %sx : f32[] = [0.02]
          const %sw : f32[40] = )" +
             numbers(40, 1, 100, 1000) + R"(
          const %sb : f32[] = [0.001]
          const %sy : f32[] = [0.75]
          const %zy : i8[] = [3]
          %xr : f32[2, 32, 11, 9] = DequantizeLinear(%x, %sx)
          %wr : f32[40, 32, 3, 3] = DequantizeLinear(%w, %sw) {axis = 0}
          %br : f32[40] = DequantizeLinear(%b, %sb)
          %c : f32[2, 40, 6, 5] = Conv(%xr, %wr, %br) {pads = [1, 1, 1, 1], strides = [2, 2]}
          %a : f32[2, 40, 6, 5] = Relu(%c)
          %y : i8[2, 40, 6, 5] = QuantizeLinear(%a, %sy, %zy)
          output "y" = %y
        })",
         "quantised_conv"},
        {"u8_to_f32",
         R"(graph "g" {
          input %x : u8[1, 64, 12, 12]
          const %w : i8[48, 64, 1, 1] = )" +
             numbers(48 * 64, -127, 127) + R"(
          const %sx : f32[] = [0.02]
          const %sw : f32[] = [0.01]
          const %zx : u8[] = [0]
          %xr : f32[1, 64, 12, 12] = DequantizeLinear(%x, %sx, %zx)
          %wr : f32[48, 64, 1, 1] = DequantizeLinear(%w, %sw)
          %y : f32[1, 48, 12, 12] = Conv(%xr, %wr)
          output "y" = %y
        })",
         "quantised_conv"},
        {"e4m3_to_e4m3", R"(graph "g" {
          input %x : f8e4m3fn[1, 64, 11, 9]
          const %w : f8e4m3fn[32, 64, 3, 3] = random(1)
          const %sx : f32[] = [0.5]
          const %sw : f32[] = [0.25]
          const %sy : f32[] = [0.1]
          const %zy : f8e4m3fn[] = [0]
          %xr : f32[1, 64, 11, 9] = DequantizeLinear(%x, %sx)
          %wr : f32[32, 64, 3, 3] = DequantizeLinear(%w, %sw)
          %c : f32[1, 32, 11, 9] = Conv(%xr, %wr) {pads = [1, 1, 1, 1]}
          %y : f8e4m3fn[1, 32, 11, 9] = QuantizeLinear(%c, %sy, %zy)
          output "y" = %y
        })",
         "quantised_f8_conv"},
        {"e4m3_to_f32", R"(graph "g" {
          input %x : f8e4m3fn[2, 64, 7, 7]
          const %w : f8e4m3fn[48, 64, 1, 1] = random(1)
          const %b : f32[48] = random(2)
          const %sx : f32[] = [0.5]
          const %sw : f32[] = [0.25]
          %xr : f32[2, 64, 7, 7] = DequantizeLinear(%x, %sx)
          %wr : f32[48, 64, 1, 1] = DequantizeLinear(%w, %sw)
          %c : f32[2, 48, 7, 7] = Conv(%xr, %wr, %b)
          %y : f32[2, 48, 7, 7] = Sigmoid(%c)
          output "y" = %y
        })",
         "quantised_f8_conv"},
        {"matmul_i8_to_i8",
         R"(graph "g" {
          input %x : i8[3, 37, 96]
          const %w : i8[96, 72] = )" +
             numbers(96 * 72, -127, 127) + R"(
          const %b : f32[72] = random(2)
          const %sx : f32[] = [0.02]
          const %sw : f32[72] = )" +
             numbers(72, 1, 100, 1000) + R"(
          const %sy : f32[] = [0.75]
          const %zy : i8[] = [-3]
          %xr : f32[3, 37, 96] = DequantizeLinear(%x, %sx)
          %wr : f32[96, 72] = DequantizeLinear(%w, %sw) {axis = 1}
          %c : f32[3, 37, 72] = MatMul(%xr, %wr)
          %d : f32[3, 37, 72] = Add(%c, %b)
          %a : f32[3, 37, 72] = Relu(%d)
          %y : i8[3, 37, 72] = QuantizeLinear(%a, %sy, %zy)
          output "y" = %y
        })",
         "quantised_gemm"},
        {"matmul_u8_around_128_to_f32",
         R"(graph "g" {
          input %x : u8[50, 64]
          const %w : i8[64, 24] = )" +
             numbers(64 * 24, -127, 127) + R"(
          const %sx : f32[] = [0.02]
          const %sw : f32[24] = )" +
             numbers(24, 1, 100, 1000) + R"(
          const %zx : u8[] = [128]
          %xr : f32[50, 64] = DequantizeLinear(%x, %sx, %zx)
          %wr : f32[64, 24] = DequantizeLinear(%w, %sw) {axis = 1}
          %y : f32[50, 24] = MatMul(%xr, %wr)
          output "y" = %y
        })",
         "quantised_gemm"},
        {"gemm_u8_to_u8",
         R"(graph "g" {
          input %x : u8[30, 100]
          const %w : i8[10, 100] = )" +
             numbers(10 * 100, -127, 127) + R"(
          const %b : i32[10] = )" +
             numbers(10, -9000, 9000) + R"(
          const %sx : f32[] = [0.02]
          const %sw : f32[10] = )" +
             numbers(10, 1, 100, 1000) + R"(
          const %sb : f32[] = [0.001]
          const %sy : f32[] = [1.5]
          const %zx : u8[] = [7]
          const %zy : u8[] = [120]
          %xr : f32[30, 100] = DequantizeLinear(%x, %sx, %zx)
          %wr : f32[10, 100] = DequantizeLinear(%w, %sw) {axis = 0}
          %br : f32[10] = DequantizeLinear(%b, %sb)
          %c : f32[30, 10] = Gemm(%xr, %wr, %br) {transB = 1}
          %y : u8[30, 10] = QuantizeLinear(%c, %sy, %zy)
          output "y" = %y
        })",
         "quantised_gemm"},
        {"matmul_e4m3_to_e4m3", R"(graph "g" {
          input %x : f8e4m3fn[2, 40, 96]
          const %w : f8e4m3fn[96, 64] = random(1)
          const %sx : f32[] = [0.5]
          const %sw : f32[] = [0.25]
          const %sy : f32[] = [0.1]
          const %zy : f8e4m3fn[] = [0]
          %xr : f32[2, 40, 96] = DequantizeLinear(%x, %sx)
          %wr : f32[96, 64] = DequantizeLinear(%w, %sw)
          %c : f32[2, 40, 64] = MatMul(%xr, %wr)
          %y : f8e4m3fn[2, 40, 64] = QuantizeLinear(%c, %sy, %zy)
          output "y" = %y
        })",
         "quantised_f8_gemm"},
        {"gemm_e4m3_to_f32",
         R"(graph "g" {
          input %x : f8e4m3fn[33, 64]
          const %w : f8e4m3fn[48, 64] = random(1)
          const %b : f32[48] = random(2)
          const %sx : f32[] = [0.5]
          const %sw : f32[48] = )" +
             numbers(48, 1, 100, 1000) + R"(
          %xr : f32[33, 64] = DequantizeLinear(%x, %sx)
          %wr : f32[48, 64] = DequantizeLinear(%w, %sw) {axis = 0}
          %c : f32[33, 48] = Gemm(%xr, %wr, %b) {transB = 1}
          %y : f32[33, 48] = Sigmoid(%c)
          output "y" = %y
        })",
         "quantised_f8_gemm"},
    };
}

class Quantised : public testing::TestWithParam<QuantisedCase> {};

TEST_P(Quantised, Compiles) {
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    for (const int capability : {80, 90}) {
        if (capability == 80 && GetParam().pattern.starts_with("quantised_f8")) continue;
        const auto backend = make_cuda_compiler(capability);
        const ir::Graph graph = ir::parse(GetParam().text);
        const auto values = ops::infer(graph);
        const auto covering = compiler::cover(graph, values, *backend, true);
        ASSERT_EQ(covering.regions.size(), 1U);
        ASSERT_EQ(covering.regions[0].pattern, GetParam().pattern);
        const RegionContext context{graph, covering.regions[0], values};
        const auto tactics = backend->tactics(context);
        ASSERT_FALSE(tactics.empty());
        EXPECT_NE(backend->prepare(context, tactics.front()), nullptr);
        EXPECT_NE(backend->prepare(context, tactics.back()), nullptr);
    }
}

/// How far results may lie from the reference, as a part of the largest: one step of their type, and for f32 what
/// adding in another order costs.
double tolerance(DType type) {
    switch (type) {
        case DType::f32: return 1e-5;
        case DType::f8e4m3fn: return 1.0 / 14;
        default: return 1.0 / 100;
    }
}

TEST_P(Quantised, EqualsTheReference) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const Backend* backend = &first_gpu();
    const ir::Graph graph = ir::parse(GetParam().text);
    const ir::ValueId input = graph.inputs[0];
    const OnDevice device(*backend, graph,
                          compiler::random_inputs(graph, {*ir::known_shape(graph.value(input).dims)}, 3));
    ASSERT_EQ(device.region().pattern, GetParam().pattern);
    const std::vector<Tensor> expected = device.reference();
    for (const Tactic& tactic : device.tactics()) {
        const Tensor result = device.run(tactic)[0];
        if (expected.empty()) continue;
        const auto wanted = expected[0].to_float(), found = result.to_float();
        float largest = 0, error = 0;
        std::size_t different = 0;
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            largest = std::max(largest, std::abs(wanted[i]));
            error = std::max(error, std::abs(wanted[i] - found[i]));
            different += wanted[i] != found[i];
        }
        ASSERT_GT(largest, 0);
        EXPECT_LE(error, tolerance(result.dtype()) * largest) << tactic.name;
        // Sums differ in their last bits; few of them lie where that changes an 8-bit result.
        if (result.dtype() != DType::f32) {
            EXPECT_LE(different, wanted.size() / 100) << tactic.name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, Quantised, testing::ValuesIn(cases()), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fovea::backend
