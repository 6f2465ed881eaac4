#include "onnx/microsoft.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "onnx/fail.hpp"

/// Each operator is DequantizeLinear of the operands, an operator of the main domain, QuantizeLinear of the result.
namespace fovea::onnx {
namespace {

using ir::ValueId;

constexpr const char* kQuantiseAgain = "quantise the network in ONNX Runtime's QDQ format";

ValueId input(const Conversion& c, std::size_t i) { return c.has(i) ? c.call.inputs[i] : ir::kNone; }

/// Attribute `key`, which stays; `fallback`, which the call gets, where it is absent.
template <class T>
T keep(Conversion& c, const std::string& key, T fallback) {
    T value = c.take<T>(key, std::move(fallback));
    c.call.attributes[key] = value;
    return value;
}

/// The operand that stands as value, scale and zero point from input `i` on.
ValueId operand(Conversion& c, std::size_t i, std::int64_t axis = 1) {
    std::vector<ValueId> inputs = {input(c, i), input(c, i + 1)};
    if (c.has(i + 2)) inputs.push_back(input(c, i + 2));
    return c.emit("DequantizeLinear", std::move(inputs), {{"axis", axis}});
}

std::vector<ValueId> operands(Conversion& c, std::size_t first, std::size_t count) {
    std::vector<ValueId> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(operand(c, first + 3 * i));
    return result;
}

/// Makes the call the QuantizeLinear of `op` of real numbers, by the scale and zero point from input `scale` on.
void quantise(Conversion& c, std::string op, std::vector<ValueId> reals, std::size_t scale) {
    if (c.take<std::int64_t>("channels_last", 0) != 0)
        fail(kUnsupported, "attribute \"channels_last\": expected 0", kQuantiseAgain);
    const ValueId result = c.emit(std::move(op), std::move(reals), std::exchange(c.call.attributes, {}));
    c.call.inputs = {result, input(c, scale), input(c, scale + 1)};
    c.call.op = "QuantizeLinear";
}

template <std::size_t kOperands>
void same_name(Conversion& c) {
    quantise(c, c.call.op.substr(std::string_view("QLinear").size()), operands(c, 0, kOperands), 3 * kOperands);
}

void concat(Conversion& c) {
    const std::size_t inputs = std::max<std::size_t>(c.call.inputs.size(), 2) - 2;
    quantise(c, "Concat", operands(c, 2, inputs / 3), 0);
}

void where(Conversion& c) {
    auto reals = operands(c, 1, 2);
    reals.insert(reals.begin(), input(c, 0));
    quantise(c, "Where", std::move(reals), 7);
}

/// Softmax of older operator sets flattens its input.
void softmax(Conversion& c) {
    if (c.take<std::int64_t>("opset", 13) < 13)
        fail(kUnsupported, "attribute \"opset\": expected 13 or newer", kQuantiseAgain);
    same_name<1>(c);
}

/// The third operand counts in alpha times both scales; without a scale of its own the result is real.
void gemm(Conversion& c) {
    const ValueId alpha = c.constant(Tensor::scalar(keep(c, "alpha", 1.0f)));
    std::vector<ValueId> reals = {operand(c, 0), operand(c, 3, keep<std::int64_t>(c, "transB", 0) ? 0 : 1)};
    if (c.has(6)) {
        const ValueId unit = c.emit("Mul", {c.emit("Mul", {input(c, 1), input(c, 4)}), alpha});
        reals.push_back(c.emit("DequantizeLinear", {input(c, 6), unit}, {{"axis", std::int64_t{-1}}}));
    }
    if (c.has(7)) return quantise(c, "Gemm", std::move(reals), 7);
    c.call.op = "Gemm";
    c.call.inputs = std::move(reals);
}

/// Means the same in the main domain.
void unchanged(Conversion&) {}

constexpr struct {
    std::string_view op;
    Convert convert;
} kOperators[] = {
    {"DequantizeLinear", unchanged},
    {"QGemm", gemm},
    {"QLinearAdd", same_name<2>},
    {"QLinearAveragePool", same_name<1>},
    {"QLinearConcat", concat},
    {"QLinearGlobalAveragePool", same_name<1>},
    {"QLinearLeakyRelu", same_name<1>},
    {"QLinearMul", same_name<2>},
    {"QLinearSigmoid", same_name<1>},
    {"QLinearSoftmax", softmax},
    {"QLinearWhere", where},
    {"QuantizeLinear", unchanged},
};

}  // namespace

Convert find_microsoft(std::string_view op) {
    const auto* place =
        std::find_if(std::begin(kOperators), std::end(kOperators), [op](auto& e) { return e.op == op; });
    return place == std::end(kOperators) ? nullptr : place->convert;
}

}  // namespace fovea::onnx
