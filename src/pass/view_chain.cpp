#include "pass/view_chain.hpp"

#include <algorithm>

#include "pass/match.hpp"

namespace fovea::pass {
namespace {

bool same(const ir::Dims& a, const ir::Dims& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const ir::Dim& x, const ir::Dim& y) { return x.same(y); });
}

ir::Dims without_ones(const ir::Dims& dims) {
    ir::Dims result;
    for (const ir::Dim& dim : dims)
        if (dim.value != 1) result.push_back(dim);
    return result;
}

/// The permutation of `from`, which has axes of size 1 beside those that `perm` moves, such that the result is `to`
/// where that has as many axes of size 1, else with these axes last.
Permutation with_ones(const ir::Dims& from, const Permutation& perm, const ir::Dims& to) {
    Permutation core, ones, result;
    for (std::size_t i = 0; i < from.size(); ++i)
        (from[i].value == 1 ? ones : core).push_back(static_cast<std::int64_t>(i));
    const bool in_place = without_ones(to).size() == perm.size() && to.size() == from.size();
    auto next = perm.begin();
    auto one = ones.begin();
    for (std::size_t i = 0; i < from.size(); ++i) {
        const bool is_one = in_place ? to[i].value == 1 : next == perm.end();
        result.push_back(is_one ? *one++ : core[static_cast<std::size_t>(*next++)]);
    }
    return result;
}

}  // namespace

ir::Dims permuted(const ir::Dims& dims, const Permutation& perm) {
    ir::Dims result;
    for (const std::int64_t axis : perm) result.push_back(dims[static_cast<std::size_t>(axis)]);
    return result;
}

bool is_view(const ir::Node* node) {
    return node && (node->op == "Reshape" || node->op == "Transpose" || node->op == "Squeeze" ||
                    node->op == "Unsqueeze" || node->op == "Flatten");
}

ViewChain chain_to(const View& view, const ir::Node& last) {
    ViewChain chain;
    const ir::Node* node = &last;
    while (true) {
        chain.nodes.push_back(node);
        chain.transposes += node->op == "Transpose";
        chain.source = node->inputs[0];
        node = view.producer(chain.source);
        if (!is_view(node) || !view.single_use(chain.source)) break;
    }
    std::reverse(chain.nodes.begin(), chain.nodes.end());
    return chain;
}

std::optional<AxisChain> follow(const View& view, const ViewChain& chain) {
    const auto& dims = view.dims(chain.source);
    if (!dims || std::any_of(dims->begin(), dims->end(), [](const ir::Dim& dim) { return dim.value == 0; }))
        return std::nullopt;
    AxisChain axes(*dims);
    for (const ir::Node* node : chain.nodes) {
        const auto& result = view.dims(node->outputs[0]);
        const auto perm = node->op == "Transpose" ? permutation(view, *node) : std::nullopt;
        if (!result || (node->op == "Transpose" && !perm)) return std::nullopt;
        if (perm)
            axes.transpose(*perm);
        else if (!axes.reshape(*result))
            return std::nullopt;
    }
    return axes;
}

ViewSteps steps_for(const ir::Dims& x, const ir::Dims& y, const AxisChain::Form& form) {
    ViewSteps steps;
    if (is_identity(form.perm)) {
        if (!same(x, y)) steps.last = y;
        return steps;
    }
    ir::Dims from = x;
    if (!same(without_ones(x), form.split)) {
        from = form.split;
        // Axes of size 1 that the result needs are added here rather than by another reshape.
        from.insert(from.end(), y.size() > from.size() ? y.size() - from.size() : 0, ir::Dim(1));
        if (!same(without_ones(y), permuted(form.split, form.perm))) from = form.split;
        steps.first = from;
    }
    steps.perm = with_ones(from, form.perm, y);
    if (!same(permuted(from, *steps.perm), y)) steps.last = y;
    return steps;
}

ir::ValueId write_views(ir::Patch& patch, ir::ValueId x, const ir::Dims& x_dims, const ViewSteps& steps) {
    ir::Dims dims = x_dims;
    const auto reshape_to = [&](const ir::Dims& to) {
        const auto target = reshape_target(dims, to);
        x = target ? patch.node("Reshape", {x, patch.constant(Tensor::vector(*target))}) : ir::kNone;
        dims = to;
    };
    if (steps.first) reshape_to(*steps.first);
    if (x != ir::kNone && steps.perm) {
        x = patch.node("Transpose", {x}, {{"perm", *steps.perm}});
        dims = permuted(dims, *steps.perm);
    }
    if (x != ir::kNone && steps.last) reshape_to(*steps.last);
    return x;
}

}  // namespace fovea::pass
