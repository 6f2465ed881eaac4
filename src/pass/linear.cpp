#include "pass/linear.hpp"

#include <algorithm>
#include <cmath>

#include "base/dispatch.hpp"

namespace fovea::pass {
namespace {

using ir::Node;
using ir::ValueId;

/// Calls body(offset, count, output, input) for runs of weights between the same two channels of the layer.
template <class Body>
void for_each_run(const View& view, const Linear& linear, const Body& body) {
    const Shape& shape = view.constant(linear.node->inputs[1])->shape();
    const std::string& op = linear.node->op;
    const std::int64_t group = linear.node->get<std::int64_t>("group", 1);
    const bool filters_first = op == "Conv" || (op == "Gemm" && linear.node->get<std::int64_t>("transB", 0) != 0);
    const std::int64_t inner = base::element_count(std::span(shape).subspan(2));
    std::size_t offset = 0;
    for (std::int64_t a = 0; a < shape[0]; ++a) {
        // The second axis counts within the group that the first one is in.
        const std::int64_t first_b = a / (shape[0] / group) * shape[1];
        for (std::int64_t b = 0; b < shape[1]; ++b, offset += static_cast<std::size_t>(inner))
            body(offset, static_cast<std::size_t>(inner), static_cast<std::size_t>(filters_first ? a : first_b + b),
                 static_cast<std::size_t>(filters_first ? first_b + b : a));
    }
}

template <class Factor>
Tensor scaled(const View& view, const Linear& linear, const Factor& factor) {
    const Tensor& weights = *view.constant(linear.node->inputs[1]);
    Tensor result(weights.dtype(), weights.shape());
    base::visit(weights.dtype(), [&]<class T>() {
        if constexpr (base::is_floating<T>) {
            const T* source = weights.as<T>().data();
            T* target = result.as<T>().data();
            for_each_run(view, linear,
                         [&](std::size_t offset, std::size_t count, std::size_t output, std::size_t input) {
                             const double scale = factor(output, input);
                             for (std::size_t i = offset; i < offset + count; ++i)
                                 target[i] = static_cast<T>(static_cast<base::arithmetic_t<T>>(
                                     static_cast<double>(static_cast<base::arithmetic_t<T>>(source[i])) * scale));
                         });
        }
    });
    return result;
}

std::optional<Affine> batch_norm(const View& view, const Node& node, std::int64_t axis, std::int64_t channels) {
    if (axis != 1 || node.get<std::int64_t>("training_mode", 0) != 0 || node.inputs.size() < 5) return std::nullopt;
    std::vector<double> statistics[4];
    for (std::size_t i = 0; i < 4; ++i) {
        const auto values = per_channel(view, node.inputs[i + 1], 1, 0, channels);
        if (!values) return std::nullopt;
        statistics[i] = *values;
    }
    const double epsilon = static_cast<double>(node.get("epsilon", 1e-5f));
    Affine affine{.input = node.inputs[0]};
    for (std::size_t i = 0; i < static_cast<std::size_t>(channels); ++i) {
        affine.scale.push_back(statistics[0][i] / std::sqrt(statistics[3][i] + epsilon));
        affine.shift.push_back(statistics[1][i] - statistics[2][i] * affine.scale.back());
    }
    return affine;
}

}  // namespace

bool is_linear(const Node& node) {
    return node.op == "Conv" || node.op == "ConvTranspose" || node.op == "Gemm" || node.op == "MatMul";
}

std::optional<Affine> affine_of(const View& view, const Node& node, std::int64_t axis, std::int64_t channels) {
    if (node.op == "BatchNormalization") return batch_norm(view, node, axis, channels);
    const bool product = node.op == "Mul" || node.op == "Div";
    if (!product && node.op != "Add" && node.op != "Sub") return std::nullopt;
    const bool commutes = node.op == "Mul" || node.op == "Add";
    const std::size_t constant = commutes && view.constant(node.inputs[0]) ? 0 : 1;
    Affine affine{.input = node.inputs[1 - constant]};
    const auto rank = view.rank(affine.input);
    if (!rank) return std::nullopt;
    auto values = per_channel(view, node.inputs[constant], *rank, axis, channels);
    if (!values) return std::nullopt;
    for (double& value : *values) value = node.op == "Div" ? 1 / value : node.op == "Sub" ? -value : value;
    if (!std::all_of(values->begin(), values->end(), [](double value) { return std::isfinite(value); }))
        return std::nullopt;
    const std::vector<double> neutral(values->size(), product ? 0.0 : 1.0);
    affine.scale = product ? *values : neutral;
    affine.shift = product ? neutral : *values;
    return affine;
}

std::optional<Linear> linear_layer(const View& view, const Node& node) {
    if (!is_linear(node)) return std::nullopt;
    const Tensor* weights = view.constant(node.inputs[1]);
    const auto rank = view.rank(node.inputs[0]);
    if (!weights || !base::is_float(weights->dtype()) || !rank || weights->rank() < 2) return std::nullopt;
    const Shape& shape = weights->shape();
    const std::int64_t group = node.get<std::int64_t>("group", 1);
    Linear linear{.node = &node, .inputs = shape[0], .outputs = shape[1], .rank = *rank, .axis = 1};
    if (node.op == "Conv") std::swap(linear.inputs, linear.outputs), linear.inputs *= group;
    if (node.op == "ConvTranspose") linear.outputs *= group;
    if (node.op == "Gemm") {
        if (node.get("alpha", 1.0f) != 1 || node.get("beta", 1.0f) != 1 || node.get<std::int64_t>("transA", 0) != 0)
            return std::nullopt;
        if (node.get<std::int64_t>("transB", 0) != 0) std::swap(linear.inputs, linear.outputs);
    }
    if (node.op == "MatMul") {
        if (weights->rank() != 2 || *rank < 2) return std::nullopt;
        linear.axis = *rank - 1;
        return linear;
    }
    const ValueId bias = View::input(node, 2);
    linear.bias = std::vector<double>(static_cast<std::size_t>(linear.outputs), 0.0);
    if (bias == ir::kNone) return linear;
    linear.bias = node.op == "Gemm" ? per_channel(view, bias, 2, 1, linear.outputs)
                                    : per_channel(view, bias, 1, 0, linear.outputs);
    if (!linear.bias) return std::nullopt;
    return linear;
}

Tensor scale_outputs(const View& view, const Linear& linear, const std::vector<double>& factors) {
    return scaled(view, linear, [&](std::size_t output, std::size_t) { return factors[output]; });
}

Tensor scale_inputs(const View& view, const Linear& linear, const std::vector<double>& factors) {
    return scaled(view, linear, [&](std::size_t, std::size_t input) { return factors[input]; });
}

std::vector<double> shift_through(const View& view, const Linear& linear, const std::vector<double>& shift) {
    const Tensor weights = view.constant(linear.node->inputs[1])->cast(DType::f64);
    const auto elements = weights.as<double>();
    std::vector<double> sum(static_cast<std::size_t>(linear.outputs), 0.0);
    for_each_run(view, linear, [&](std::size_t offset, std::size_t count, std::size_t output, std::size_t input) {
        for (std::size_t i = offset; i < offset + count; ++i) sum[output] += elements[i] * shift[input];
    });
    return sum;
}

ValueId replace_weights(const View& view, ir::Patch& patch, const Linear& linear, ValueId input, Tensor weights,
                        const std::vector<double>& bias) {
    const Node& node = *linear.node;
    std::vector<ValueId> inputs = {input, patch.constant(std::move(weights), view.graph().value(node.inputs[1]).name)};
    if (linear.bias && std::any_of(bias.begin(), bias.end(), [](double b) { return b != 0; }))
        inputs.push_back(
            patch.constant(make_tensor(view.dtype(node.inputs[1]), {linear.outputs}, bias),
                           View::input(node, 2) == ir::kNone ? "bias" : view.graph().value(node.inputs[2]).name));
    return patch.node(node.op, std::move(inputs), node.attributes);
}

}  // namespace fovea::pass
