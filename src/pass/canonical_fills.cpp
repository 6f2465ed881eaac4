#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

/// Backends repeat elements; what only fills would be one more operator for each.
void rewrite_fill(const ir::Node& node, ir::Patch& patch) {
    const Tensor* given = node.find<Tensor>("value");
    const Tensor value = given ? given->reshaped({}) : Tensor::zeros(DType::f32, {});
    patch.replace(node.outputs[0], patch.node("Expand", {patch.constant(value), node.inputs[0]}));
}

/// One element is cast before it is repeated.
void rewrite_cast(const View& view, const ir::Node& node, ir::Patch& patch) {
    const ir::Node* expand = view.producer(node.inputs[0], "Expand");
    const Tensor* value = expand ? view.constant(expand->inputs[0]) : nullptr;
    if (!value || value->size() != 1) return;
    const ir::ValueId cast = patch.node("Cast", {expand->inputs[0]}, node.attributes);
    patch.replace(node.outputs[0], patch.node("Expand", {cast, expand->inputs[1]}));
}

void rewrite(const View& view, const ir::Node& node, ir::Patch& patch) {
    if (node.op == "ConstantOfShape") rewrite_fill(node, patch);
    if (node.op == "Cast") rewrite_cast(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass canonical_fills() {
    return {"canonical-fills", "writes a fill as one repeated element, of the type that it is cast to", propose};
}

}  // namespace fovea::pass
