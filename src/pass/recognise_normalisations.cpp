#include <algorithm>
#include <numeric>

#include "pass/passes.hpp"
#include "pass/product.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

using Axes = std::vector<std::int64_t>;

/// The mean of a value over its last axes, which stay with size 1.
struct Mean {
    ValueId input = kNone;
    Axes axes;
};

std::optional<Mean> mean_of(const View& view, ValueId id) {
    const Node* node = view.producer(id, "ReduceMean");
    if (!node || node->get<std::int64_t>("keepdims", 1) == 0) return std::nullopt;
    const auto axes = reduced_axes(view, *node);
    const auto rank = view.rank(node->inputs[0]);
    if (!axes || axes->empty() || !rank) return std::nullopt;
    Axes last(axes->size());
    std::iota(last.begin(), last.end(), *rank - static_cast<std::int64_t>(axes->size()));
    if (*axes != last) return std::nullopt;
    return Mean{node->inputs[0], last};
}

/// The value that `id` is the square of, or `kNone`.
ValueId root_of(const View& view, ValueId id) {
    const Product product = product_of(view, id);
    for (const ValueId x : product.operands)
        if (x != id && multiple_of(view, product, x, 2) == 1.0) return x;
    return kNone;
}

/// 1 / √(mean(square of `value`) + ε), or √(…) for the divisor of a quotient.
struct Deviation {
    ValueId value = kNone;
    double epsilon = 0;
    Axes axes;
};

std::optional<Deviation> root_mean_square(const View& view, ValueId id) {
    const Node* root = view.producer(id, "Sqrt");
    const auto sum = root ? with_scalar(view, root->inputs[0], "Add") : std::nullopt;
    const auto mean = sum ? mean_of(view, sum->value) : std::nullopt;
    const ValueId value = mean ? root_of(view, mean->input) : kNone;
    if (value == kNone) return std::nullopt;
    return Deviation{value, sum->scalar, mean->axes};
}

std::optional<Deviation> inverse_root_mean_square(const View& view, ValueId id) {
    const Node* node = view.producer(id);
    if (!node) return std::nullopt;
    if (node->op == "Reciprocal") return root_mean_square(view, node->inputs[0]);
    if (node->op == "Div" && view.scalar(node->inputs[0]) == 1.0) return root_mean_square(view, node->inputs[1]);
    if (node->op != "Pow" || view.scalar(node->inputs[1]) != -0.5) return std::nullopt;
    const auto sum = with_scalar(view, node->inputs[0], "Add");
    const auto mean = sum ? mean_of(view, sum->value) : std::nullopt;
    const ValueId value = mean ? root_of(view, mean->input) : kNone;
    if (value == kNone) return std::nullopt;
    return Deviation{value, sum->scalar, mean->axes};
}

/// x when `id` = x - mean(x) over the axes.
ValueId centred(const View& view, ValueId id, const Axes& axes) {
    const Node* node = view.producer(id, "Sub");
    const auto mean = node ? mean_of(view, node->inputs[1]) : std::nullopt;
    return mean && mean->input == node->inputs[0] && mean->axes == axes ? node->inputs[0] : kNone;
}

std::optional<Shape> normalised_shape(const View& view, ValueId x, const Axes& axes) {
    Shape shape;
    for (const std::int64_t axis : axes) {
        const ir::Dim& dim = (*view.dims(x))[static_cast<std::size_t>(axis)];
        if (!dim.known()) return std::nullopt;
        shape.push_back(dim.value);
    }
    return shape;
}

ValueId layer_norm(ir::Patch& patch, ValueId x, const Deviation& deviation, ValueId scale, ValueId bias) {
    std::vector<ValueId> inputs = {x, scale};
    if (bias != kNone) inputs.push_back(bias);
    return patch.node("LayerNormalization", std::move(inputs),
                      {{"axis", -static_cast<std::int64_t>(deviation.axes.size())},
                       {"epsilon", static_cast<float>(deviation.epsilon)}});
}

Tensor ones(DType type, const Shape& shape) {
    return make_tensor(type, shape, std::vector<double>(static_cast<std::size_t>(base::element_count(shape)), 1.0));
}

/// value / √(mean(value²) + ε): LayerNormalization when the value is x - mean(x), else RMSNormalization.
void normalise(const View& view, const Node& node, ir::Patch& patch) {
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        if (node.op == "Div" && i == 1) return;
        const ValueId value = node.inputs[i], divisor = node.inputs[1 - i];
        const auto deviation =
            node.op == "Div" ? root_mean_square(view, divisor) : inverse_root_mean_square(view, divisor);
        if (!deviation || deviation->value != value) continue;
        const auto shape = normalised_shape(view, value, deviation->axes);
        if (!shape) return;
        const ValueId x = centred(view, value, deviation->axes);
        const ValueId scale = patch.constant(ones(view.dtype(value), *shape), "scale");
        const ValueId result = x != kNone ? layer_norm(patch, x, *deviation, scale, kNone)
                                          : patch.node("RMSNormalization", {value, scale},
                                                       {{"axis", -static_cast<std::int64_t>(shape->size())},
                                                        {"epsilon", static_cast<float>(deviation->epsilon)}});
        return patch.replace(node.outputs[0], result);
    }
}

/// The constant as a tensor of exactly the normalised shape; empty when it does not spread over it.
Tensor parameter(const View& view, ValueId id, const Shape& shape, std::int64_t rank) {
    const Tensor* tensor = view.constant(id);
    if (!tensor || tensor->rank() > rank) return {};
    Shape own = tensor->shape();
    while (own.size() > shape.size() && own.front() == 1) own.erase(own.begin());
    if (own == shape) return tensor->reshaped(shape);
    if (tensor->size() != 1) return {};
    const auto value = view.scalar(id);
    if (!value) return {};
    return make_tensor(tensor->dtype(), shape,
                       std::vector<double>(static_cast<std::size_t>(base::element_count(shape)), *value));
}

/// A product with, or a sum of, constants after a normalisation become its scale and bias.
void absorb(const View& view, const Node& node, ir::Patch& patch) {
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        const Node* norm = view.producer(node.inputs[i]);
        if (!norm || (norm->op != "LayerNormalization" && norm->op != "RMSNormalization")) continue;
        const auto scale_shape = view.shape(norm->inputs[1]);
        const auto rank = view.rank(norm->inputs[0]);
        if (!scale_shape || !rank || norm->outputs.size() != 1 || !view.single_use(norm->outputs[0]) ||
            !view.constant(norm->inputs[1]))
            continue;
        const Tensor given = parameter(view, node.inputs[1 - i], *scale_shape, *rank);
        if (!given || given.dtype() != view.dtype(norm->inputs[1])) continue;
        const ValueId bias = View::input(*norm, 2);
        std::vector<ValueId> inputs = norm->inputs;
        if (node.op == "Add") {
            if (norm->op != "LayerNormalization" || bias != kNone) continue;
            inputs = {norm->inputs[0], norm->inputs[1], patch.constant(given, "bias")};
        } else {
            if (bias != kNone) continue;
            const auto a = view.constant(norm->inputs[1])->cast(DType::f64), b = given.cast(DType::f64);
            std::vector<double> product;
            for (std::size_t k = 0; k < a.as<double>().size(); ++k)
                product.push_back(a.as<double>()[k] * b.as<double>()[k]);
            inputs = {norm->inputs[0], patch.constant(make_tensor(given.dtype(), *scale_shape, product), "scale")};
        }
        return patch.replace(node.outputs[0], patch.node(norm->op, std::move(inputs), norm->attributes));
    }
}

/// TensorFlow's form: x·m + (β - mean(x)·m) with m = γ / √(variance + ε).
void tensorflow_form(const View& view, const Node& node, ir::Patch& patch) {
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        const Node* scaled = view.producer(node.inputs[i], "Mul");
        const Node* offset = view.producer(node.inputs[1 - i], "Sub");
        const Node* moved = offset ? view.producer(offset->inputs[1], "Mul") : nullptr;
        if (!scaled || !moved) continue;
        for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
            const ValueId x = scaled->inputs[k], factor = scaled->inputs[1 - k];
            const ValueId mean_value = moved->inputs[0] == factor   ? moved->inputs[1]
                                       : moved->inputs[1] == factor ? moved->inputs[0]
                                                                    : kNone;
            const auto mean = mean_value == kNone ? std::nullopt : mean_of(view, mean_value);
            if (!mean || mean->input != x) continue;
            const auto shape = normalised_shape(view, x, mean->axes);
            const Node* product = view.producer(factor, "Mul");
            if (!shape || !product) continue;
            for (const std::size_t j : {std::size_t{0}, std::size_t{1}}) {
                const auto deviation = inverse_root_mean_square(view, product->inputs[j]);
                if (!deviation || centred(view, deviation->value, deviation->axes) != x ||
                    deviation->axes != mean->axes)
                    continue;
                const Tensor scale = parameter(view, product->inputs[1 - j], *shape, *view.rank(x));
                const Tensor bias = parameter(view, offset->inputs[0], *shape, *view.rank(x));
                if (!scale || !bias) continue;
                return patch.replace(node.outputs[0], layer_norm(patch, x, *deviation, patch.constant(scale, "scale"),
                                                                 patch.constant(bias, "bias")));
            }
        }
    }
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.inputs.size() != 2) return;
    if (node.op == "Div" || node.op == "Mul") normalise(view, node, patch);
    if (patch.empty() && (node.op == "Mul" || node.op == "Add")) absorb(view, node, patch);
    if (patch.empty() && node.op == "Add") tensorflow_form(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass recognise_normalisations() {
    return {"recognise-normalisations",
            "finds LayerNormalization and RMSNormalization in the arithmetic that exporters write, and their scale and "
            "bias",
            propose};
}

}  // namespace fovea::pass
