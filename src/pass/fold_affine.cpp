#include <algorithm>

#include "pass/linear.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Node;
using ir::ValueId;

bool all(const std::vector<double>& values, double expected) {
    return std::all_of(values.begin(), values.end(), [=](double value) { return value == expected; });
}

/// The layer that produces `id` for nobody else.
std::optional<Linear> private_layer(const View& view, ValueId id) {
    const Node* node = view.producer(id);
    if (!node || node->outputs.size() != 1 || !view.single_use(id)) return std::nullopt;
    return linear_layer(view, *node);
}

bool may_scale(const Node& node) {
    return node.op == "Mul" || node.op == "Div" || node.op == "Add" || node.op == "Sub" ||
           node.op == "BatchNormalization";
}

/// Scale and shift after a layer move into its weights and bias.
void fold_back(const View& view, const Node& node, ir::Patch& patch) {
    for (const ValueId input : node.inputs) {
        const auto layer = input == ir::kNone ? std::nullopt : private_layer(view, input);
        if (!layer || !view.same_dims(input, node.outputs[0])) continue;
        const auto affine = affine_of(view, node, layer->axis, layer->outputs);
        if (!affine || affine->input != input) continue;
        if (!layer->bias && !all(affine->shift, 0)) return;
        std::vector<double> bias = affine->shift;
        if (layer->bias)
            for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += (*layer->bias)[i] * affine->scale[i];
        Tensor weights =
            all(affine->scale, 1) ? *view.constant(layer->node->inputs[1]) : scale_outputs(view, *layer, affine->scale);
        return patch.replace(node.outputs[0],
                             replace_weights(view, patch, *layer, layer->node->inputs[0], std::move(weights), bias));
    }
}

/// (x·W + b)·s as x·(W·s) + b·s, where the product stands apart from its bias.
void fold_back_over_bias(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Mul") return;
    const Node* add = view.producer(node.inputs[0], "Add");
    if (!add || !view.single_use(node.inputs[0]) || !view.same_dims(node.inputs[0], node.outputs[0])) return;
    const auto layer = private_layer(view, add->inputs[0]);
    if (!layer || layer->bias || !view.same_dims(add->inputs[0], add->outputs[0])) return;
    const auto scale = affine_of(view, node, layer->axis, layer->outputs);
    const auto bias = affine_of(view, *add, layer->axis, layer->outputs);
    if (!scale || !bias || bias->input != add->inputs[0]) return;
    std::vector<double> shift = bias->shift;
    for (std::size_t i = 0; i < shift.size(); ++i) shift[i] *= scale->scale[i];
    const ValueId product =
        replace_weights(view, patch, *layer, layer->node->inputs[0], scale_outputs(view, *layer, scale->scale), {});
    const ValueId constant = patch.constant(make_tensor(view.dtype(add->inputs[1]), {layer->outputs}, shift));
    patch.replace(node.outputs[0], patch.node("Add", {product, constant}));
}

bool pads_its_input(const Node& node) {
    if (node.op == "Gemm") return false;
    const auto pads = node.get("pads", std::vector<std::int64_t>());
    const std::string automatic = node.get<std::string>("auto_pad", "NOTSET");
    return (automatic != "NOTSET" && automatic != "VALID") ||
           std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p != 0; });
}

/// Scale and shift before a layer move into it. A shift needs an unpadded input: padding adds zeros, not shifted zeros.
void fold_forward(const View& view, const Node& node, ir::Patch& patch) {
    const auto layer = linear_layer(view, node);
    const Node* source = view.producer(node.inputs[0]);
    if (!layer || !source || !may_scale(*source) || !view.single_use(node.inputs[0])) return;
    const auto affine = affine_of(view, *source, layer->axis, layer->inputs);
    if (!affine || view.rank(affine->input) != layer->rank || !view.same_dims(affine->input, node.inputs[0])) return;
    const bool shifted = !all(affine->shift, 0);
    if (shifted && (!layer->bias || node.op == "ConvTranspose" || pads_its_input(node))) return;
    std::vector<double> bias = layer->bias.value_or(std::vector<double>());
    if (shifted) {
        const auto added = shift_through(view, *layer, affine->shift);
        for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += added[i];
    }
    patch.replace(node.outputs[0],
                  replace_weights(view, patch, *layer, affine->input, scale_inputs(view, *layer, affine->scale), bias));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (may_scale(node)) fold_back(view, node, patch);
    if (patch.empty()) fold_back_over_bias(view, node, patch);
    if (patch.empty() && is_linear(node)) fold_forward(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass fold_affine() {
    return {"fold-affine", "moves batch normalisation, scales and shifts into the weights of the layer before or after",
            propose};
}

}  // namespace fovea::pass
