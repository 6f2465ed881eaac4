#include <cmath>
#include <numbers>

#include "pass/passes.hpp"
#include "pass/product.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// `id` = value + scalar with the scalar given; `kNone` otherwise.
ValueId plus(const View& view, ValueId id, double scalar) {
    const auto sum = with_scalar(view, id, "Add");
    return sum && close(sum->scalar, scalar) ? sum->value : kNone;
}

/// `id` = scalar · x to the power of `exponent`.
bool is_multiple(const View& view, ValueId id, double scalar, ValueId x, int exponent = 1) {
    const auto factor = multiple_of(view, product_of(view, id), x, exponent);
    return factor && close(*factor, scalar);
}

/// erf(x / √2).
bool is_erf_half(const View& view, ValueId id, ValueId x) {
    const Node* erf = view.producer(id, "Erf");
    return erf && is_multiple(view, erf->inputs[0], std::numbers::sqrt2 / 2, x);
}

/// tanh(√(2/π)·(x + 0.044715·x³)), also with the cube written as x·(1 + 0.044715·x²).
bool is_tanh_cubic(const View& view, ValueId id, ValueId x) {
    constexpr double kCubic = 0.044715;
    const Node* tanh = view.producer(id, "Tanh");
    if (!tanh) return false;
    const Product outer = product_of(view, tanh->inputs[0]);
    for (const ValueId sum : outer.factors) {
        const ValueId square = plus(view, sum, 1);
        const auto factor = square == kNone ? std::nullopt : multiple_of(view, outer, x, 1, sum);
        if (factor && close(*factor, std::sqrt(2 / std::numbers::pi)) && is_multiple(view, square, kCubic, x, 2))
            return true;
    }
    if (outer.factors.size() != 1 || !close(outer.scalar, std::sqrt(2 / std::numbers::pi))) return false;
    const Node* sum = view.producer(outer.factors[0], "Add");
    return sum && ((sum->inputs[0] == x && is_multiple(view, sum->inputs[1], kCubic, x, 3)) ||
                   (sum->inputs[1] == x && is_multiple(view, sum->inputs[0], kCubic, x, 3)));
}

/// The x of clip(x + 3, 0, 6), or `kNone`.
ValueId relu6_of_plus_3(const View& view, ValueId id) {
    const Node* clip = view.producer(id, "Clip");
    if (!clip || view.scalar(View::input(*clip, 1)) != 0.0 || view.scalar(View::input(*clip, 2)) != 6.0) return kNone;
    const Node* relu = view.producer(clip->inputs[0], "Relu");
    return plus(view, relu ? relu->inputs[0] : clip->inputs[0], 3);
}

bool is_hard_sigmoid(const View& view, ValueId id, ValueId x) {
    const Node* node = view.producer(id, "HardSigmoid");
    return node && node->inputs[0] == x && close(node->get("alpha", 0.2f), 1.0 / 6) &&
           close(node->get("beta", 0.5f), 0.5);
}

/// The operator behind x · gate, with the factor that its definition has.
struct Gated {
    std::string op;
    std::map<std::string, ir::Attribute, std::less<>> attributes;
    double factor = 1;  ///< op(x) = factor · x · gate
};

std::optional<Gated> gated(const View& view, ValueId x, ValueId gate) {
    const Node* function = view.producer(gate);
    if (const ValueId inner = plus(view, gate, 1); inner != kNone) {
        if (is_erf_half(view, inner, x)) return Gated{"Gelu", {}, 0.5};
        if (is_tanh_cubic(view, inner, x)) return Gated{"Gelu", {{"approximate", std::string("tanh")}}, 0.5};
    }
    if (function->op == "Sigmoid") {
        const auto alpha = multiple_of(view, product_of(view, function->inputs[0]), x);
        if (alpha) return Gated{"Swish", {{"alpha", static_cast<float>(*alpha)}}};
    }
    if (relu6_of_plus_3(view, gate) == x) return Gated{"HardSwish", {}, 1.0 / 6};
    if (is_hard_sigmoid(view, gate, x)) return Gated{"HardSwish", {}};
    const Node* softplus = function->op == "Tanh" ? view.producer(function->inputs[0], "Softplus") : nullptr;
    if (softplus && softplus->inputs[0] == x) return Gated{"Mish", {}};
    return std::nullopt;
}

/// Whether `gated` may find a function in `gate`.
bool may_gate(const View& view, ValueId gate) {
    const Node* node = view.producer(gate);
    return node && (node->op == "Add" || node->op == "Sigmoid" || node->op == "Clip" || node->op == "HardSigmoid" ||
                    node->op == "Tanh");
}

/// Replaces the node by op(x) · factor.
void replace_by(const View& view, const Node& node, ir::Patch& patch, const Gated& found, ValueId x, double factor) {
    ValueId result = patch.node(found.op, {x}, found.attributes);
    if (const double rest = factor / found.factor; !close(rest, 1))
        result = patch.node("Mul", {result, patch.constant(make_tensor(view.dtype(x), {}, {rest}))});
    patch.replace(node.outputs[0], result);
}

/// x · gate as it stands: what x itself is made of does not matter.
void from_operands(const View& view, const Node& node, ir::Patch& patch) {
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        const ValueId x = node.inputs[i], gate = node.inputs[1 - i];
        if (!may_gate(view, gate) || view.constant(x) || !view.same_dims(x, node.outputs[0])) continue;
        if (const auto found = gated(view, x, gate)) return replace_by(view, node, patch, *found, x, 1);
    }
}

/// Products of x and a function of x.
void from_product(const View& view, const Node& node, ir::Patch& patch) {
    const Product product = product_of(view, node.outputs[0]);
    if (product.factors.size() < 2) return;
    for (const ValueId gate : product.factors) {
        if (!may_gate(view, gate)) continue;
        for (const ValueId x : product.operands) {
            if (x == gate || x == node.outputs[0] || view.constant(x) || !view.same_dims(x, node.outputs[0])) continue;
            const auto scalar = multiple_of(view, product, x, 1, gate);
            const auto found = scalar ? gated(view, x, gate) : std::nullopt;
            if (found) return replace_by(view, node, patch, *found, x, *scalar);
        }
    }
}

/// clip(x + 3, 0, 6) / 6.
void hard_sigmoid(const View& view, const Node& node, ir::Patch& patch) {
    const Product product = product_of(view, node.outputs[0]);
    if (product.factors.size() != 1 || !close(product.scalar, 1.0 / 6)) return;
    const ValueId x = relu6_of_plus_3(view, product.factors[0]);
    if (x != kNone)
        patch.replace(node.outputs[0], patch.node("HardSigmoid", {x}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}}));
}

/// log(1 + exp(x)).
void softplus(const View& view, const Node& node, ir::Patch& patch) {
    const ValueId power = plus(view, node.inputs[0], 1);
    const Node* exp = view.producer(power, "Exp");
    if (exp) patch.replace(node.outputs[0], patch.node("Softplus", {exp->inputs[0]}));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "Mul") from_operands(view, node, patch);
    if ((node.op == "Mul" || node.op == "Div") && patch.empty()) from_product(view, node, patch);
    if ((node.op == "Mul" || node.op == "Div") && patch.empty()) hard_sigmoid(view, node, patch);
    if (node.op == "Log") softplus(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass recognise_activations() {
    return {"recognise-activations",
            "finds Gelu, Swish, HardSwish, HardSigmoid, Mish and Softplus in the arithmetic that exporters write",
            propose};
}

}  // namespace fovea::pass
