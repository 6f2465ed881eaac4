#include <algorithm>
#include <map>

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

/// A layer, its bias and the activation that follows them.
struct Sibling {
    const Node* layer = nullptr;
    ValueId bias = kNone;              ///< of the layer or of the Add behind it
    const Node* activation = nullptr;  ///< element-wise, of one input
    ValueId result = kNone;
    std::int64_t outputs = 0;
};

const Node* only_reader(const View& view, ValueId id) {
    return view.single_use(id) ? &view.graph().node(view.readers(id)[0]) : nullptr;
}

std::optional<Sibling> sibling(const View& view, const Node& node, ValueId input) {
    const bool conv = node.op == "Conv", product = node.op == "MatMul";
    if ((!conv && !product) || node.inputs[0] != input || node.inputs[1] == input) return std::nullopt;
    const Tensor* weights = view.constant(node.inputs[1]);
    if (!weights || !base::is_float(weights->dtype()) || (product && weights->rank() != 2)) return std::nullopt;
    if (conv && node.get<std::int64_t>("group", 1) != 1) return std::nullopt;
    Sibling result{.layer = &node, .result = node.outputs[0], .outputs = weights->shape()[product ? 1 : 0]};
    if (conv) result.bias = View::input(node, 2);
    if (result.bias != kNone && !view.constant(result.bias)) return std::nullopt;
    const Node* next = only_reader(view, result.result);
    if (product && next && next->op == "Add" && next->inputs[0] == result.result && view.constant(next->inputs[1]) &&
        view.constant(next->inputs[1])->shape() == Shape{result.outputs}) {
        result.bias = next->inputs[1];
        result.result = next->outputs[0];
        next = only_reader(view, result.result);
    }
    const ops::Op* op = next ? ops::find(next->op) : nullptr;
    if (op && op->elementwise) {
        // Merged, the layer could no longer take the sum or the product with another tensor into its epilogue.
        const auto constant_or_none = [&](ValueId id) {
            return id == result.result || id == kNone || view.constant(id);
        };
        if (!std::all_of(next->inputs.begin(), next->inputs.end(), constant_or_none) || next->inputs.size() != 1)
            return std::nullopt;
        result.activation = next;
        result.result = next->outputs[0];
    }
    return result;
}

bool equal_attributes(const Node& a, const Node& b) {
    return a.attributes.size() == b.attributes.size() &&
           std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(),
                      [](const auto& x, const auto& y) { return x.first == y.first && ir::equal(x.second, y.second); });
}

/// Whether one layer with the filters of both, and one activation, computes both.
bool mergeable(const View& view, const Sibling& a, const Sibling& b) {
    const Tensor &v = *view.constant(a.layer->inputs[1]), &w = *view.constant(b.layer->inputs[1]);
    if (a.layer->op != b.layer->op || v.dtype() != w.dtype() || !equal_attributes(*a.layer, *b.layer)) return false;
    Shape x = v.shape(), y = w.shape();
    const std::size_t axis = a.layer->op == "MatMul" ? 1 : 0;
    x[axis] = y[axis] = 0;
    if (x != y || (a.layer->op == "MatMul" && (a.bias == kNone) != (b.bias == kNone))) return false;
    if (!a.activation || !b.activation) return a.activation == b.activation;
    return a.activation->op == b.activation->op && equal_attributes(*a.activation, *b.activation);
}

void merge(const View& view, const std::vector<Sibling>& group, ir::Patch& patch) {
    const Node& first = *group[0].layer;
    const bool conv = first.op == "Conv";
    std::vector<Tensor> weights, biases;
    std::vector<std::int64_t> sizes;
    bool biased = false;
    for (const Sibling& one : group) {
        weights.push_back(*view.constant(one.layer->inputs[1]));
        biases.push_back(one.bias == kNone ? Tensor::zeros(weights.back().dtype(), {one.outputs})
                                           : *view.constant(one.bias));
        sizes.push_back(one.outputs);
        biased = biased || one.bias != kNone;
    }
    std::vector<ValueId> inputs = {first.inputs[0], patch.constant(concatenated(weights, conv ? 0 : 1), "weights")};
    const ValueId bias = biased ? patch.constant(concatenated(biases, 0), "bias") : kNone;
    if (conv && biased) inputs.push_back(bias);
    ValueId result = patch.node(first.op, std::move(inputs), first.attributes);
    if (!conv && biased) result = patch.node("Add", {result, bias});
    if (group[0].activation) result = patch.node(group[0].activation->op, {result}, group[0].activation->attributes);
    const std::int64_t axis = conv ? 1 : *view.rank(first.inputs[0]) - 1;
    const auto parts = patch.node_with_outputs(static_cast<int>(group.size()), "Split",
                                               {result, patch.constant(Tensor::vector(sizes))}, {{"axis", axis}});
    for (std::size_t i = 0; i < group.size(); ++i) patch.replace(group[i].result, parts[i]);
}

void merge_readers(const View& view, ValueId input, std::vector<ir::Patch>& patches) {
    if (view.readers(input).size() < 2 || !view.rank(input)) return;
    std::vector<std::vector<Sibling>> groups;
    for (const ir::NodeId reader : view.readers(input)) {
        const auto one = sibling(view, view.graph().node(reader), input);
        if (!one) continue;
        const auto fits = [&](const std::vector<Sibling>& group) { return mergeable(view, group[0], *one); };
        const auto group = std::find_if(groups.begin(), groups.end(), fits);
        if (group != groups.end())
            group->push_back(*one);
        else
            groups.push_back({*one});
    }
    for (const auto& group : groups) {
        if (group.size() < 2) continue;
        ir::Patch patch(view.graph());
        merge(view, group, patch);
        patches.push_back(std::move(patch));
    }
}

std::vector<ir::Patch> propose(const View& view) {
    std::vector<ir::Patch> patches;
    for (ValueId id = 0; id < view.graph().value_count(); ++id) merge_readers(view, id, patches);
    return patches;
}

}  // namespace

Pass merge_siblings() {
    return {"merge-siblings",
            "computes matrix products or equal convolutions of one input together and splits the result", propose};
}

}  // namespace fovea::pass
