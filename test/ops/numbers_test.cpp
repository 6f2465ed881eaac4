#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fovea/error.hpp"
#include "ops/evaluate.hpp"
#include "ops/onnx_type.hpp"

/// Values at the edges of types and sets, where the ONNX project's node tests do not reach.
namespace fovea::test {
namespace {

using Attributes = std::map<std::string, ir::Attribute, std::less<>>;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class T>
Tensor vector(const std::vector<T>& values) {
    return Tensor::from<T>({static_cast<std::int64_t>(values.size())}, values);
}

std::vector<Tensor> apply(const std::string& op, std::vector<Tensor> inputs, Attributes attributes = {},
                          int outputs = 1) {
    ir::Node node{.op = op, .name = "n", .attributes = std::move(attributes)};
    for (std::size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back(static_cast<ir::ValueId>(i));
    for (int i = 0; i < outputs; ++i) node.outputs.push_back(100 + i);
    return ops::evaluate(node, std::move(inputs));
}

template <class T>
std::vector<T> elements(const Tensor& tensor) {
    return {tensor.as<T>().begin(), tensor.as<T>().end()};
}

std::string refusal(const std::string& op, std::vector<Tensor> inputs, Attributes attributes = {}) {
    try {
        apply(op, std::move(inputs), std::move(attributes));
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_model);
        return error.what();
    }
    return "nothing was refused";
}

constexpr std::int32_t kLow = std::numeric_limits<std::int32_t>::min();

TEST(Div, IntegersNeverTrap) {
    EXPECT_EQ(elements<std::int32_t>(
                  apply("Div", {vector<std::int32_t>({7, -7, 5, kLow}), vector<std::int32_t>({2, 2, 0, -1})})[0]),
              (std::vector<std::int32_t>{3, -3, 0, kLow}));
    constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ(elements<std::int64_t>(apply("Div", {vector<std::int64_t>({kLowest}), vector<std::int64_t>({-1})})[0]),
              (std::vector<std::int64_t>{kLowest}));
}

TEST(Mod, IntegersNeverTrap) {
    const Tensor x = vector<std::int64_t>({std::numeric_limits<std::int64_t>::min(), 5, -5, -5}),
                 y = vector<std::int64_t>({-1, 0, 3, -3});
    EXPECT_EQ(elements<std::int64_t>(apply("Mod", {x, y})[0]), (std::vector<std::int64_t>{0, 0, 1, -2}));
    EXPECT_EQ(elements<std::int64_t>(apply("Mod", {x, y}, {{"fmod", std::int64_t{1}}})[0]),
              (std::vector<std::int64_t>{0, 0, -2, -2}));
}

TEST(Add, WrapsAroundInItsOwnType) {
    EXPECT_EQ(elements<std::uint8_t>(apply("Add", {vector<std::uint8_t>({250}), vector<std::uint8_t>({10})})[0]),
              (std::vector<std::uint8_t>{4}));
    EXPECT_EQ(elements<std::int32_t>(apply("Mul", {vector<std::int32_t>({kLow}), vector<std::int32_t>({-1})})[0]),
              (std::vector<std::int32_t>{kLow}));
}

TEST(Add, KeepsAllBitsOfWideIntegers) {
    constexpr std::int64_t kOdd = (1LL << 62) + 1;
    EXPECT_EQ(elements<std::int64_t>(apply("Add", {vector<std::int64_t>({kOdd}), vector<std::int64_t>({1})})[0]),
              (std::vector<std::int64_t>{kOdd + 1}));
}

TEST(Pow, IntegersOfAnyExponent) {
    EXPECT_EQ(elements<std::int32_t>(
                  apply("Pow", {vector<std::int32_t>({3, -1, 2, 0}), vector<std::int64_t>({4, -3, -1, 0})})[0]),
              (std::vector<std::int32_t>{81, -1, 0, 1}));
    EXPECT_EQ(elements<std::int32_t>(apply("Pow", {vector<std::int32_t>({9, 10}), vector<float>({0.5f, 40})})[0])[0],
              3);
}

TEST(Max, PropagatesNaN) {
    const auto y = apply("Max", {vector<float>({1, NAN, 3}), vector<float>({NAN, 2, -kInfinity})})[0].to_float();
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    EXPECT_EQ(y[2], 3);
}

TEST(Clip, KeepsNaNAndLetsTheUpperBoundWin) {
    const auto y = apply("Clip", {vector<float>({NAN, 5}), Tensor::scalar(2.0f), Tensor::scalar(1.0f)})[0].to_float();
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_EQ(y[1], 1);
}

TEST(Reduce, EmptySets) {
    const Tensor none = Tensor::zeros(DType::f32, {2, 0}), integers = Tensor::zeros(DType::u8, {2, 0});
    const Tensor axis = Tensor::vector({1});
    EXPECT_EQ(apply("ReduceSum", {none, axis})[0].to_float(), (std::vector<float>{0, 0}));
    EXPECT_EQ(apply("ReduceProd", {none, axis})[0].to_float(), (std::vector<float>{1, 1}));
    EXPECT_EQ(apply("ReduceLogSumExp", {none, axis})[0].to_float(), (std::vector<float>{-kInfinity, -kInfinity}));
    EXPECT_EQ(elements<std::uint8_t>(apply("ReduceMin", {integers, axis})[0]), (std::vector<std::uint8_t>{255, 255}));
    EXPECT_EQ(elements<std::uint8_t>(apply("ReduceMax", {integers, axis})[0]), (std::vector<std::uint8_t>{0, 0}));
    EXPECT_EQ(elements<std::int32_t>(apply("ReduceMax", {Tensor::zeros(DType::i32, {0}), Tensor::vector({0})})[0]),
              (std::vector<std::int32_t>{kLow}));
}

TEST(Reduce, LogSumExpDoesNotOverflow) {
    EXPECT_EQ(apply("ReduceLogSumExp", {vector<float>({1000, -kInfinity})})[0].to_float(), (std::vector<float>{1000}));
}

TEST(Cast, OutOfRangeIsDefined) {
    const Tensor x = vector<float>({1e30f, -1e30f, NAN, 2.9f});
    EXPECT_EQ(elements<std::int32_t>(apply("Cast", {x}, {{"to", ops::onnx_number(DType::i32)}})[0]),
              (std::vector<std::int32_t>{std::numeric_limits<std::int32_t>::max(), kLow, 0, 2}));
    const Tensor wide = vector<std::int16_t>({200, -9});
    EXPECT_EQ(elements<std::int8_t>(apply("Cast", {wide}, {{"to", ops::onnx_number(DType::i8)}})[0]),
              (std::vector<std::int8_t>{-56, -9}));
}

TEST(QuantizeLinear, RoundsTiesToEvenAndSaturates) {
    const Tensor x = vector<float>({0.5f, 1.5f, -2.5f, 1000, -1000, NAN, kInfinity});
    const Tensor y = apply("QuantizeLinear", {x, Tensor::scalar(1.0f), Tensor::scalar<std::int8_t>(1)})[0];
    EXPECT_EQ(elements<std::int8_t>(y), (std::vector<std::int8_t>{1, 3, -1, 127, -128, 0, 127}));
}

TEST(QuantizeLinear, NamesTheScalesThatItExpects) {
    const Tensor x = Tensor::zeros(DType::f32, {2, 3});
    EXPECT_EQ(
        refusal("QuantizeLinear", {x, vector<float>({1, 2})}),
        "node n (QuantizeLinear) › expected one scale, or one for each of the 3 places along axis 1, found scales of "
        "shape [2]");
    EXPECT_NE(refusal("QuantizeLinear", {x, Tensor::zeros(DType::f32, {2, 2})}, {{"block_size", std::int64_t{1}}})
                  .find("expected scales of shape [2, 3] for blocks of 1"),
              std::string::npos);
}

TEST(DynamicQuantizeLinear, OfZerosIsExact) {
    const auto y = apply("DynamicQuantizeLinear", {vector<float>({0, 0})}, {}, 3);
    EXPECT_EQ(elements<std::uint8_t>(y[0]), (std::vector<std::uint8_t>{0, 0}));
    EXPECT_EQ(y[1].to_float(), (std::vector<float>{1}));
}

TEST(QLinearConv, PadsWithTheZeroPoint) {
    const Tensor x = Tensor::from<std::uint8_t>({1, 1, 1, 1}, {7}),
                 w = Tensor::from<std::uint8_t>({1, 1, 1, 3}, {1, 1, 1});
    const Tensor one = Tensor::scalar(1.0f), zero = Tensor::scalar<std::uint8_t>(0),
                 five = Tensor::scalar<std::uint8_t>(5);
    const Attributes pads = {{"pads", std::vector<std::int64_t>{0, 1, 0, 1}}};
    EXPECT_EQ(elements<std::uint8_t>(apply("QLinearConv", {x, one, five, w, one, zero, one, zero}, pads)[0]),
              (std::vector<std::uint8_t>{2}));
}

TEST(TopK, PutsNaNAtTheLargeEnd) {
    const Tensor x = vector<float>({1, NAN, 3, 3});
    EXPECT_EQ(elements<std::int64_t>(apply("TopK", {x, Tensor::vector({3})}, {}, 2)[1]),
              (std::vector<std::int64_t>{1, 2, 3}));
    EXPECT_EQ(elements<std::int64_t>(apply("TopK", {x, Tensor::vector({3})}, {{"largest", std::int64_t{0}}}, 2)[1]),
              (std::vector<std::int64_t>{0, 2, 3}));
}

TEST(ArgMax, TakesTheFirstOrTheLastNaN) {
    const Tensor x = vector<float>({1, NAN, 3, NAN, 2});
    for (const char* op : {"ArgMax", "ArgMin"}) {
        EXPECT_EQ(elements<std::int64_t>(apply(op, {x})[0]), (std::vector<std::int64_t>{1}));
        EXPECT_EQ(elements<std::int64_t>(apply(op, {x}, {{"select_last_index", std::int64_t{1}}})[0]),
                  (std::vector<std::int64_t>{3}));
    }
}

TEST(Range, RefusesToRunForever) {
    const auto number = [](std::int64_t value) { return Tensor::scalar(value); };
    EXPECT_NE(refusal("Range", {number(0), number(5), number(0)}).find("a step other than 0"), std::string::npos);
    EXPECT_NE(refusal("Range", {number(std::numeric_limits<std::int64_t>::min()),
                                number(std::numeric_limits<std::int64_t>::max()), number(1)})
                  .find("2^36"),
              std::string::npos);
}

TEST(Det, OfASingularMatrixIsZero) {
    EXPECT_EQ(apply("Det", {Tensor::from<float>({2, 2}, {1, 2, 2, 4})})[0].to_float(), (std::vector<float>{0}));
}

TEST(Types, AreRefusedByName) {
    EXPECT_EQ(refusal("Sqrt", {vector<std::int32_t>({4})}),
              "node n (Sqrt) › input 0: expected f16, bf16, f32 or f64, found i32");
    EXPECT_EQ(refusal("Add", {vector<std::int32_t>({4}), vector<float>({4})}),
              "node n (Add) › inputs 0 and 1: expected the same type, found i32 and f32");
    EXPECT_EQ(refusal("And", {vector<float>({4}), vector<float>({4})}),
              "node n (And) › input 0: expected bool, found f32");
}

TEST(Attributes, AreRefusedByName) {
    EXPECT_NE(refusal("Cast", {vector<float>({4})}, {{"to", std::int64_t{8}}}).find("attribute \"to\""),
              std::string::npos);
    EXPECT_NE(
        refusal("BitShift", {vector<std::uint8_t>({4}), vector<std::uint8_t>({1})}, {{"direction", std::string("UP")}})
            .find("expected \"LEFT\" or \"RIGHT\", found \"UP\""),
        std::string::npos);
    EXPECT_NE(refusal("ReduceSum", {vector<float>({4}), Tensor::vector({1})}).find("input \"axes\""),
              std::string::npos);
}

}  // namespace
}  // namespace fovea::test
