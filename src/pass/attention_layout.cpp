#include <algorithm>

#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"
#include "pass/view_chain.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

const Permutation kSwapHeads = {0, 2, 1, 3};

/// Transposes on one side of the attention, as it is and with the heads joined to the size.
struct Cost {
    int before = 0, after = 0;
};

/// [batch, length, heads · size] for [batch, heads, length, size]; not set when heads or size are unknown.
std::optional<ir::Dims> joined_dims(const std::optional<ir::Dims>& dims) {
    if (!dims || dims->size() != 4 || !(*dims)[1].known() || !(*dims)[3].known()) return std::nullopt;
    return ir::Dims{(*dims)[0], (*dims)[2], ir::Dim((*dims)[1].value * (*dims)[3].value)};
}

Cost input_cost(const View& view, ValueId id) {
    if (view.constant(id)) return {};
    const Node* last = view.producer(id);
    if (!is_view(last) || !view.single_use(id)) return {0, 1};
    const ViewChain chain = chain_to(view, *last);
    auto axes = follow(view, chain);
    const ir::Dims joined = *joined_dims(view.dims(id));
    if (!axes) return {0, 1};
    axes->transpose(kSwapHeads);
    if (!axes->reshape(joined)) return {0, 1};
    return {chain.transposes, steps_for(*view.dims(chain.source), joined, axes->form()).perm ? 1 : 0};
}

Cost output_cost(const View& view, ValueId id) {
    const ir::Dims& split = *view.dims(id);
    const ir::Dims joined = *joined_dims(split);
    AxisChain axes(joined);
    if (!axes.reshape({split[0], split[2], split[1], split[3]})) return {0, 1};
    axes.transpose(kSwapHeads);
    Cost cost{0, 1};
    ir::Dims end = split;
    while (view.single_use(id)) {
        const Node& node = view.graph().node(view.readers(id)[0]);
        const auto perm = node.op == "Transpose" ? permutation(view, node) : std::nullopt;
        const auto& dims = view.dims(node.outputs[0]);
        if (!is_view(&node) || !dims || (node.op == "Transpose" && !perm)) break;
        if (perm)
            axes.transpose(*perm);
        else if (!axes.reshape(*dims))
            break;
        cost.before += node.op == "Transpose";
        end = *dims;
        id = node.outputs[0];
    }
    cost.after = steps_for(joined, end, axes.form()).perm ? 1 : 0;
    return cost;
}

/// Attention works on [batch, length, heads · size] where that saves transposes. The reshapes and transposes that are
/// put around it here cancel with those that are there.
void join_heads(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Attention" || node.outputs.size() != 1 || node.attributes.contains("q_num_heads") ||
        node.inputs.size() > 4)
        return;
    const auto result_dims = joined_dims(view.dims(node.outputs[0]));
    if (!result_dims) return;
    const Cost output = output_cost(view, node.outputs[0]);
    int before = output.before, after = output.after;
    std::vector<ir::Dims> targets;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto joined = joined_dims(view.dims(node.inputs[i]));
        if (!joined) return;
        targets.push_back(*joined);
        const Cost input = input_cost(view, node.inputs[i]);
        before += input.before;
        after += input.after;
    }
    if (after >= before) return;
    std::vector<ValueId> inputs = node.inputs;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto target = reshape_target(std::nullopt, targets[i]);
        if (!target) return;
        const ValueId swapped = patch.node("Transpose", {inputs[i]}, {{"perm", kSwapHeads}});
        inputs[i] = patch.node("Reshape", {swapped, patch.constant(Tensor::vector(*target))});
    }
    auto attributes = node.attributes;
    attributes.insert_or_assign("q_num_heads", (*view.dims(node.inputs[0]))[1].value);
    attributes.insert_or_assign("kv_num_heads", (*view.dims(node.inputs[1]))[1].value);
    const ValueId result = patch.node("Attention", std::move(inputs), std::move(attributes));
    const ir::Dims& dims = *view.dims(node.outputs[0]);
    const auto target = reshape_target(std::nullopt, ir::Dims{dims[0], dims[2], dims[1], dims[3]});
    if (!target) {
        patch = ir::Patch(view.graph());
        return;
    }
    const ValueId split = patch.node("Reshape", {result, patch.constant(Tensor::vector(*target))});
    patch.replace(node.outputs[0], patch.node("Transpose", {split}, {{"perm", kSwapHeads}}));
}

/// The batch and the heads that the first axis of `id` was made of.
std::optional<ir::Dims> folded_heads(const View& view, ValueId id) {
    const Node* last = view.producer(id);
    if (!is_view(last)) return std::nullopt;
    const auto axes = follow(view, chain_to(view, *last));
    if (!axes) return std::nullopt;
    ir::Dims factors = axes->factors(0);
    if (factors.size() == 1 && factors[0].known()) factors.insert(factors.begin(), ir::Dim(1));
    if (factors.size() != 2 || !factors[1].known()) return std::nullopt;
    return factors;
}

/// Attention with the heads folded into the batch gets them back as an axis, so that what folded them can go.
void unfold_heads(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Attention" || node.outputs.size() != 1 || node.get<std::int64_t>("q_num_heads", 0) != 1) return;
    if (node.get<std::int64_t>("kv_num_heads", 0) != 1 || node.inputs.size() > 4) return;
    std::vector<ValueId> inputs = node.inputs;
    std::optional<ir::Dims> heads;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto own = folded_heads(view, node.inputs[i]);
        if (!own || (heads && (!(*own)[0].same((*heads)[0]) || !(*own)[1].same((*heads)[1])))) return;
        heads = own;
    }
    for (std::size_t i = 0; i < 3; ++i) {
        const ir::Dims& dims = *view.dims(node.inputs[i]);
        const auto target = reshape_target(std::nullopt, ir::Dims{(*heads)[0], (*heads)[1], dims[1], dims[2]});
        if (!target) return;
        inputs[i] = patch.node("Reshape", {inputs[i], patch.constant(Tensor::vector(*target))});
    }
    if (const auto mask = View::input(node, 3); mask != kNone && view.rank(mask) == 4) {
        const ir::Dims& dims = *view.dims(mask);
        const auto target = reshape_target(std::nullopt, ir::Dims{(*heads)[0], (*heads)[1], dims[2], dims[3]});
        if (!target) {
            patch = ir::Patch(view.graph());
            return;
        }
        if (dims[0].value != 1) inputs[3] = patch.node("Reshape", {mask, patch.constant(Tensor::vector(*target))});
    }
    auto attributes = node.attributes;
    attributes.erase("q_num_heads");
    attributes.erase("kv_num_heads");
    const ValueId result = patch.node("Attention", std::move(inputs), std::move(attributes));
    const auto target = reshape_target(std::nullopt, view.dims(node.outputs[0]));
    if (target)
        patch.replace(node.outputs[0], patch.node("Reshape", {result, patch.constant(Tensor::vector(*target))}));
    else
        patch = ir::Patch(view.graph());
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    join_heads(view, node, patch);
    if (patch.empty()) patch = ir::Patch(view.graph());
    if (patch.empty()) unfold_heads(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass attention_layout() {
    return {"attention-layout",
            "lets Attention read and write [batch, length, heads * size] without splits into heads, and unfolds heads "
            "from the batch",
            propose};
}

}  // namespace fovea::pass
