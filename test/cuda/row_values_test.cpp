// Kernels of rows on awkward values: negative numbers, ties, NaN and infinities, integers of the whole range.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backend/cuda/cuda.hpp"
#include "base/dispatch.hpp"
#include "compiler/gate.hpp"
#include "cuda/cases.hpp"
#include "cuda/on_device.hpp"
#include "cuda/plans.hpp"

namespace fovea::backend {
namespace {

struct ValueCase {
    const char* name;
    const char* text;  ///< with T in the place of the type
};

constexpr ValueCase kReal[] = {
    {"layer_norm", R"(graph "g" {
      input %x : T[9, 40]
      const %s : f32[40] = random(1)
      %y : T[9, 40] = LayerNormalization(%x, %s)
      output "y" = %y
    })"},
    {"softmax", R"(graph "g" {
      input %x : T[4, 6, 5]
      %y : T[4, 6, 5] = Softmax(%x) {axis = 1}
      output "y" = %y
    })"},
    {"log_sum_exp", R"(graph "g" {
      input %x : T[16, 9]
      const %a : i64[1] = [1]
      %y : T[16, 1] = ReduceLogSumExp(%x, %a)
      output "y" = %y
    })"},
};

/// Also of integers.
constexpr ValueCase kNumbers[] = {
    {"arg_max_rows", R"(graph "g" {
      input %x : T[20, 37]
      %y : i64[20, 1] = ArgMax(%x) {axis = 1}
      output "y" = %y
    })"},
    {"arg_max_long_rows", R"(graph "g" {
      input %x : T[3, 3000]
      %y : i64[3, 1] = ArgMax(%x) {axis = 1, select_last_index = 1}
      output "y" = %y
    })"},
    {"arg_min_columns", R"(graph "g" {
      input %x : T[50, 24]
      %y : i64[1, 24] = ArgMin(%x) {axis = 0}
      output "y" = %y
    })"},
    {"top_k", R"(graph "g" {
      input %x : T[4, 1000]
      const %k : i64[1] = [20]
      %v : T[4, 20], %i : i64[4, 20] = TopK(%x, %k)
      output "v" = %v
      output "i" = %i
    })"},
    {"top_k_of_a_long_row", R"(graph "g" {
      input %x : T[2, 40000]
      const %k : i64[1] = [700]
      %v : T[2, 700], %i : i64[2, 700] = TopK(%x, %k)
      output "v" = %v
      output "i" = %i
    })"},
    {"bottom_k", R"(graph "g" {
      input %x : T[2, 60]
      const %k : i64[1] = [50]
      %v : T[2, 50], %i : i64[2, 50] = TopK(%x, %k) {largest = 0}
      output "v" = %v
      output "i" = %i
    })"},
    {"reduce_max", R"(graph "g" {
      input %x : T[6, 5, 40]
      const %a : i64[1] = [1]
      %y : T[6, 1, 40] = ReduceMax(%x, %a)
      output "y" = %y
    })"},
    {"reduce_min", R"(graph "g" {
      input %x : T[30, 17]
      const %a : i64[1] = [1]
      %y : T[30] = ReduceMin(%x, %a) {keepdims = 0}
      output "y" = %y
    })"},
    {"reduce_sum", R"(graph "g" {
      input %x : T[30, 19]
      const %a : i64[1] = [1]
      %y : T[30, 1] = ReduceSum(%x, %a)
      output "y" = %y
    })"},
    {"reduce_l1", R"(graph "g" {
      input %x : T[30, 19]
      const %a : i64[1] = [0]
      %y : T[1, 19] = ReduceL1(%x, %a)
      output "y" = %y
    })"},
    {"reduce_mean", R"(graph "g" {
      input %x : T[7, 19]
      const %a : i64[1] = [1]
      %y : T[7, 1] = ReduceMean(%x, %a)
      output "y" = %y
    })"},
    {"cum_sum", R"(graph "g" {
      input %x : T[7, 90]
      const %a : i64[] = [1]
      %y : T[7, 90] = CumSum(%x, %a) {exclusive = 1}
      output "y" = %y
    })"},
};

/// Quarters with many ties; now and then NaN or an infinity. Integers take any value of 16 bits.
Tensor awkward(DType type, const Shape& shape) {
    std::mt19937 random(5);
    if (base::is_float(type)) {
        Tensor values(DType::f32, shape);
        for (float& value : values.as<float>()) {
            const std::uint32_t drawn = random() >> 8;
            value = static_cast<float>(static_cast<int>(drawn % 33) - 16) / 4;
            if (drawn % 97 == 5) value = NAN;
            if (drawn % 101 == 7) value = drawn % 2 ? INFINITY : -INFINITY;
        }
        return values.cast(type);
    }
    Tensor values(DType::i64, shape);
    for (std::int64_t& value : values.as<std::int64_t>()) {
        value = static_cast<std::int16_t>(random());
        if (element_bytes(type) == 1) value = type == DType::u8 ? value & 255 : static_cast<std::int8_t>(value);
    }
    return values.cast(type);
}

void expect_equal(const Tensor& result, const Tensor& expected, const std::string& tactic) {
    ASSERT_EQ(result.shape(), expected.shape());
    if (!base::is_float(result.dtype())) {
        EXPECT_EQ(result.to_int64(), expected.to_int64()) << tactic;
        return;
    }
    const auto a = result.to_float(), b = expected.to_float();
    float largest = 0;
    for (const float value : b)
        if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
    const auto tolerance = static_cast<float>(compiler::kernel_tolerance(result.dtype())) * largest;
    for (std::size_t i = 0; i < b.size(); ++i)
        EXPECT_TRUE(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) || std::fabs(a[i] - b[i]) <= tolerance)
            << tactic << ": " << a[i] << " where " << b[i] << " was expected at " << i;
}

class RowValues : public testing::TestWithParam<std::tuple<ValueCase, std::string>> {};

TEST_P(RowValues, EqualTheReference) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const auto& [one, type] = GetParam();
    const Backend* backend = &first_gpu();
    const ir::Graph graph = ir::parse(replaced(one.text, "T[", type + "["));
    const ir::Value& input = graph.value(graph.inputs[0]);
    const OnDevice device(*backend, graph, {awkward(input.dtype, *ir::known_shape(input.dims))});
    ASSERT_NE(device.region().pattern, "reference");
    const std::vector<Tensor> expected = device.reference();
    for (const Tactic& tactic : device.tactics()) {
        const std::vector<Tensor> results = device.run(tactic);
        for (std::size_t i = 0; i < results.size(); ++i) expect_equal(results[i], expected[i], tactic.name);
        // No sum depends on the order in which threads come.
        const std::vector<Tensor> again = device.run(tactic);
        for (std::size_t i = 0; i < results.size(); ++i)
            EXPECT_TRUE(std::equal(results[i].raw(), results[i].raw() + results[i].bytes(), again[i].raw()))
                << tactic.name;
    }
}

TEST(CudaRefusals, NameResultsWhoseSizeDependsOnData) {
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    const auto backend = make_cuda_compiler(90);
    const ir::Graph graph = ir::parse(R"(graph "g" {
      input %b : f32[1, 30, 4]
      input %s : f32[1, 2, 30]
      const %n : i64[] = [3]
      %y : undefined[*] = NonMaxSuppression(%b, %s, %n)
      output "y" = %y
    })");
    const auto values = ops::infer(graph);
    const auto covering = compiler::cover(graph, values, *backend, true);
    ASSERT_EQ(covering.refusals.size(), 1U);
    EXPECT_EQ(covering.refusals.begin()->second.reason, Reason::shape_depends_on_data);
    EXPECT_NE(covering.refusals.begin()->second.detail.find("NonMaxSuppression"), std::string::npos);
}

std::string name(const testing::TestParamInfo<std::tuple<ValueCase, std::string>>& info) {
    return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param);
}
INSTANTIATE_TEST_SUITE_P(CudaReal, RowValues,
                         testing::Combine(testing::ValuesIn(kReal), testing::Values("f32", "f16", "bf16")), name);
INSTANTIATE_TEST_SUITE_P(CudaNumbers, RowValues,
                         testing::Combine(testing::ValuesIn(kNumbers),
                                          testing::Values("f32", "f16", "bf16", "i8", "u8", "i32")),
                         name);

}  // namespace
}  // namespace fovea::backend
