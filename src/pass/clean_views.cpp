#include <algorithm>

#include "ops/op.hpp"
#include "pass/match.hpp"
#include "pass/passes.hpp"
#include "pass/view_chain.hpp"

namespace fovea::pass {
namespace {

using ir::Dims;
using ir::kNone;
using ir::Node;
using ir::ValueId;

/// Nodes at the end of a chain that are looked at apart, where the whole cannot be written shorter.
constexpr std::size_t kLongestPart = 64;

void drop_first(ViewChain& chain, std::size_t count) {
    const auto end = chain.nodes.begin() + static_cast<std::ptrdiff_t>(count);
    chain.transposes -= static_cast<int>(
        std::count_if(chain.nodes.begin(), end, [](const Node* node) { return node->op == "Transpose"; }));
    chain.source = (*(end - 1))->outputs[0];
    chain.nodes.erase(chain.nodes.begin(), end);
}

/// The shorter chain between the same ends.
void shorten(const View& view, const Node& node, ir::Patch& patch) {
    const ValueId end = node.outputs[0];
    if (view.single_use(end) && is_view(&view.graph().node(view.readers(end)[0]))) return;
    for (ViewChain chain = chain_to(view, node); chain.nodes.size() > 1;) {
        if (const auto axes = follow(view, chain)) {
            const Dims &x = *view.dims(chain.source), &y = *view.dims(end);
            const ViewSteps steps = steps_for(x, y, axes->form());
            const int transposes = steps.perm ? 1 : 0;
            if (std::pair(transposes, steps.count()) <
                std::pair(chain.transposes, static_cast<int>(chain.nodes.size()))) {
                const ValueId result = write_views(patch, chain.source, x, steps);
                if (result != kNone) return patch.replace(end, result);
                patch = ir::Patch(view.graph());
            }
        }
        drop_first(chain, chain.nodes.size() > kLongestPart ? chain.nodes.size() - kLongestPart : 1);
    }
}

/// Whether the node gives each place along the last axis from the places along the last axis of its input 0 alone, so
/// that a transpose of the other axes may stand before or behind it.
bool works_along_last_axis(const View& view, const Node& node) {
    if (node.outputs.size() != 1 || node.inputs.empty() || !view.rank(node.outputs[0])) return false;
    if (node.op == "MatMul") {
        const Tensor* weights = view.constant(node.inputs[1]);
        return weights && weights->rank() == 2;
    }
    const ops::Op* op = ops::find(node.op);
    if (!op || !op->elementwise || node.attributes.contains("axis")) return false;
    return std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ValueId id) {
        const Tensor* constant = id == kNone ? nullptr : view.constant(id);
        return id == kNone || (constant && (constant->size() == 1 || constant->rank() == 1));
    });
}

/// A transpose behind a linear layer and what follows it moves in front, where it saves transposes together with those
/// before the layer.
void hoist(const View& view, const Node& node, ir::Patch& patch) {
    const auto perm = node.op == "Transpose" ? permutation(view, node) : std::nullopt;
    if (!perm || perm->back() + 1 != static_cast<std::int64_t>(perm->size())) return;
    std::vector<const Node*> between;
    ValueId id = node.inputs[0];
    const Node* producer = view.producer(id);
    for (; producer && view.single_use(id) && works_along_last_axis(view, *producer); producer = view.producer(id)) {
        between.insert(between.begin(), producer);
        id = producer->inputs[0];
    }
    const auto& dims = view.dims(id);
    if (between.empty() || !is_view(producer) || !view.single_use(id) || !dims || dims->size() != perm->size()) return;
    const ViewChain chain = chain_to(view, *producer);
    auto axes = follow(view, chain);
    if (!axes) return;
    axes->transpose(*perm);
    const Dims& x = *view.dims(chain.source);
    const Dims end = permuted(*dims, *perm);
    const ViewSteps steps = steps_for(x, end, axes->form());
    const int transposes = steps.perm ? 1 : 0;
    if (transposes >= chain.transposes + 1 || steps.count() > static_cast<int>(chain.nodes.size())) return;
    ValueId result = write_views(patch, chain.source, x, steps);
    if (result == kNone) {
        patch = ir::Patch(view.graph());
        return;
    }
    for (const Node* moved : between) {
        std::vector<ValueId> inputs = moved->inputs;
        inputs[0] = result;
        result = patch.node(moved->op, std::move(inputs), moved->attributes, moved->name);
    }
    patch.replace(node.outputs[0], result);
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (!is_view(&node)) return;
    shorten(view, node, patch);
    if (patch.empty()) hoist(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass clean_views() {
    return {"clean-views", "writes chains of reshapes and transposes as at most one reshape, transpose and reshape",
            propose};
}

}  // namespace fovea::pass
