#include "base/dispatch.hpp"
#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// The constant times a factor.
Tensor scaled(const Tensor& tensor, double factor) {
    const Tensor wide = tensor.cast(DType::f64);
    std::vector<double> values(wide.as<double>().begin(), wide.as<double>().end());
    for (double& value : values) value *= factor;
    return make_tensor(tensor.dtype(), tensor.shape(), values);
}

/// Constant weights stand as [inputs, outputs], and factors are in the constants.
void canonical_gemm(const View& view, const Node& node, ir::Patch& patch) {
    const Tensor* weights = view.constant(node.inputs[1]);
    if (!weights || !base::is_float(weights->dtype())) return;
    const ValueId bias = View::input(node, 2);
    const double alpha = static_cast<double>(node.get("alpha", 1.0f)),
                 beta = static_cast<double>(node.get("beta", 1.0f));
    const bool transposed_weights = node.get<std::int64_t>("transB", 0) != 0;
    const bool scale_bias = bias != kNone && beta != 1;
    if ((alpha == 1 && !scale_bias && !transposed_weights) || (scale_bias && !view.constant(bias))) return;
    Tensor matrix = transposed_weights ? transposed(*weights, {1, 0}) : *weights;
    if (alpha != 1) matrix = scaled(matrix, alpha);
    std::vector<ValueId> inputs = {node.inputs[0],
                                   patch.constant(std::move(matrix), view.graph().value(node.inputs[1]).name)};
    if (bias != kNone)
        inputs.push_back(scale_bias ? patch.constant(scaled(*view.constant(bias), beta), view.graph().value(bias).name)
                                    : bias);
    auto attributes = node.attributes;
    for (const char* key : {"alpha", "beta", "transB"}) attributes.erase(key);
    patch.replace(node.outputs[0], patch.node("Gemm", std::move(inputs), std::move(attributes)));
}

/// x·W + b on two axes is Gemm; on more axes the product and its bias stay apart.
void to_gemm(const View& view, const Node& node, ir::Patch& patch) {
    const Node* product = view.producer(node.inputs[0], "MatMul");
    if (!product || !view.single_use(node.inputs[0]) || view.rank(product->inputs[0]) != 2) return;
    const Tensor *weights = view.constant(product->inputs[1]), *bias = view.constant(node.inputs[1]);
    if (!weights || weights->rank() != 2 || !bias || !base::is_float(bias->dtype()) || bias->rank() > 2) return;
    if (!per_channel(view, node.inputs[1], 2, 1, weights->shape()[1])) return;
    patch.replace(node.outputs[0], patch.node("Gemm", {product->inputs[0], product->inputs[1], node.inputs[1]}));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "Gemm") canonical_gemm(view, node, patch);
    if (node.op == "Add" && node.inputs.size() == 2) to_gemm(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass canonical_linear() {
    return {"canonical-linear",
            "writes linear layers in one form: Gemm on two axes, MatMul and Add on more, weights as [inputs, outputs]",
            propose};
}

}  // namespace fovea::pass
