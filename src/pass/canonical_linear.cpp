#include "base/dispatch.hpp"
#include "ops/op.hpp"
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

/// A Gemm with constant weights [inputs, outputs] and a bias per output, or none.
bool is_plain_gemm(const View& view, const Node& node) {
    const ValueId bias = View::input(node, 2);
    if (node.op != "Gemm" || node.get("alpha", 1.0f) != 1 || node.get<std::int64_t>("transA", 0) != 0 ||
        node.get<std::int64_t>("transB", 0) != 0 || !view.constant(node.inputs[1]))
        return false;
    return bias == kNone ||
           (node.get("beta", 1.0f) == 1 && per_channel(view, bias, 2, 1, view.constant(node.inputs[1])->shape()[1]));
}

/// The Gemm on more than two axes.
ValueId on_tokens(const View& view, ir::Patch& patch, const Node& gemm, ValueId tokens) {
    const ValueId bias = View::input(gemm, 2);
    const ValueId product = patch.node("MatMul", {tokens, gemm.inputs[1]});
    if (bias == kNone) return product;
    const Tensor& given = *view.constant(bias);
    return patch.node("Add", {product, patch.constant(given.reshaped({given.size()}), view.graph().value(bias).name)});
}

/// Tokens that were flattened to two axes need not be: the layer works along their last axis.
void unflatten_input(const View& view, const Node& node, ir::Patch& patch) {
    const Node* flat = view.producer(node.inputs[0], "Reshape");
    const auto rank = flat ? view.rank(flat->inputs[0]) : std::nullopt;
    if (!rank || *rank < 3 || !is_plain_gemm(view, node)) return;
    if (view.dims(flat->inputs[0])->back().value != view.constant(node.inputs[1])->shape()[0]) return;
    const auto target = reshape_target(std::nullopt, view.dims(node.outputs[0]));
    if (!target) return;
    const ValueId result = on_tokens(view, patch, node, flat->inputs[0]);
    patch.replace(node.outputs[0], patch.node("Reshape", {result, patch.constant(Tensor::vector(*target))}));
}

/// The same where only the reshape behind the layer shows the tokens.
void unflatten_output(const View& view, const Node& node, ir::Patch& patch) {
    const auto& dims = view.dims(node.outputs[0]);
    if (!dims || dims->size() < 3) return;
    std::vector<const Node*> between;
    const Node* gemm = view.producer(node.inputs[0]);
    for (; gemm && gemm->op != "Gemm" && gemm->inputs.size() == 1 && view.single_use(gemm->outputs[0]);
         gemm = view.producer(gemm->inputs[0])) {
        const ops::Op* op = ops::find(gemm->op);
        if (!op || !op->elementwise) return;
        between.insert(between.begin(), gemm);
    }
    if (!gemm || !is_plain_gemm(view, *gemm) || !view.single_use(gemm->outputs[0])) return;
    const Node* flat = view.producer(gemm->inputs[0], "Reshape");
    const Shape& weights = view.constant(gemm->inputs[1])->shape();
    if (!flat || dims->back().value != weights[1]) return;
    ir::Dims tokens = *dims;
    tokens.back() = weights[0];
    const auto target = reshape_target(std::nullopt, tokens);
    if (!target) return;
    ValueId result = on_tokens(view, patch, *gemm,
                               patch.node("Reshape", {gemm->inputs[0], patch.constant(Tensor::vector(*target))}));
    for (const Node* activation : between) result = patch.node(activation->op, {result}, activation->attributes);
    patch.replace(node.outputs[0], result);
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "Gemm") canonical_gemm(view, node, patch);
    if (node.op == "Gemm" && patch.empty()) unflatten_input(view, node, patch);
    if (node.op == "Reshape") unflatten_output(view, node, patch);
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
