#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "ops/evaluate.hpp"
#include "pass/linear.hpp"
#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Node;
using ir::ValueId;

/// The constant as the other operator takes it: -c or 1/c; empty when that is not exact enough.
Tensor inverse(const Tensor& constant, bool reciprocal) {
    if (constant.dtype() != DType::f32 && constant.dtype() != DType::f64) return {};
    Tensor result(constant.dtype(), constant.shape());
    bool usable = true;
    const auto fill = [&]<class T>() {
        const auto source = constant.as<T>();
        const auto target = result.as<T>();
        for (std::size_t i = 0; i < source.size(); ++i) {
            target[i] = reciprocal ? T{1} / source[i] : -source[i];
            usable = usable && std::isfinite(target[i]) && (!reciprocal || std::isnormal(target[i]));
        }
    };
    if (constant.dtype() == DType::f32)
        fill.template operator()<float>();
    else
        fill.template operator()<double>();
    return usable ? result : Tensor();
}

/// x - c and x / c as x + (-c) and x · (1/c).
void to_add_or_mul(const View& view, const Node& node, ir::Patch& patch) {
    const Tensor* constant = view.constant(node.inputs[1]);
    if (!constant || view.constant(node.inputs[0])) return;
    const bool division = node.op == "Div";
    if (const Tensor opposite = inverse(*constant, division))
        patch.replace(node.outputs[0],
                      patch.node(division ? "Mul" : "Add", {node.inputs[0], patch.constant(opposite)}));
}

/// (x + c) + d as x + (c + d); the same for products.
void merge_constants(const View& view, const Node& node, ir::Patch& patch) {
    const Node* inner = view.producer(node.inputs[0], node.op);
    const Tensor* outer_constant = view.constant(node.inputs[1]);
    if (!inner || !outer_constant || !view.single_use(node.inputs[0])) return;
    const Tensor* inner_constant = view.constant(inner->inputs[1]);
    if (!inner_constant || !base::is_float(inner_constant->dtype()) ||
        inner_constant->dtype() != outer_constant->dtype())
        return;
    // The small constant is the bias of a linear layer, where it costs nothing.
    const Node* source = view.producer(inner->inputs[0]);
    if (outer_constant->size() > inner_constant->size() && source && is_linear(*source)) return;
    const Shape merged = base::broadcast(inner_constant->shape(), outer_constant->shape());
    if (base::element_count(merged) > std::max(inner_constant->size(), outer_constant->size())) return;
    auto sum = ops::evaluate(Node{.op = node.op, .inputs = {0, 1}, .outputs = {2}}, {*inner_constant, *outer_constant});
    patch.replace(node.outputs[0], patch.node(node.op, {inner->inputs[0], patch.constant(std::move(sum[0]))}));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.inputs.size() != 2) return;
    if (node.op == "Sub" || node.op == "Div") return to_add_or_mul(view, node, patch);
    if (node.op != "Add" && node.op != "Mul") return;
    if (view.constant(node.inputs[0]) && !view.constant(node.inputs[1]))
        patch.replace(node.outputs[0], patch.node(node.op, {node.inputs[1], node.inputs[0]}));
    else
        merge_constants(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass canonical_arithmetic() {
    return {
        "canonical-arithmetic",
        "puts constants second, writes differences and quotients by constants as sums and products, merges constants",
        propose};
}

}  // namespace fovea::pass
