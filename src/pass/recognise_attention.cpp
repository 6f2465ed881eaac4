#include <algorithm>
#include <cmath>

#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// A value behind factors that are the same everywhere.
struct Scaled {
    ValueId value = kNone;
    double factor = 1;
};

Scaled strip_factors(const View& view, ValueId id) {
    Scaled result{id, 1};
    while (true) {
        if (const auto product = with_scalar(view, result.value, "Mul")) {
            result = {product->value, result.factor * product->scalar};
        } else if (const auto quotient = with_scalar(view, result.value, "Div"); quotient && quotient->scalar != 0) {
            result = {quotient->value, result.factor / quotient->scalar};
        } else {
            return result;
        }
    }
}

bool swaps_last_two(const Permutation& perm) {
    Permutation swapped = perm;
    if (swapped.size() < 2) return false;
    std::swap(swapped[swapped.size() - 1], swapped[swapped.size() - 2]);
    return is_identity(swapped);
}

/// Scores q·kᵀ·factor (+ mask), as the input of the softmax.
struct Scores {
    ValueId query = kNone;  ///< [batch, heads, queries, size]
    ValueId key_transposed = kNone;
    double factor = 1;
    ValueId mask = kNone;
    bool turned = false;  ///< found as kᵀ... the other way round: `query` holds keys, `key_transposed` queries
};

std::optional<Scores> scores_of(const View& view, ValueId id) {
    Scores scores;
    if (const Node* sum = view.producer(id, "Add"))
        for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
            if (!view.producer(strip_factors(view, sum->inputs[i]).value, "MatMul") ||
                !view.same_dims(sum->inputs[i], id))
                continue;
            scores.mask = sum->inputs[1 - i];
            id = sum->inputs[i];
            break;
        }
    const Scaled outer = strip_factors(view, id);
    const Node* product = view.producer(outer.value);
    scores.factor = outer.factor;
    if (product && product->op == "Transpose") {
        const auto perm = permutation(view, *product);
        if (!perm || !swaps_last_two(*perm)) return std::nullopt;
        const Scaled inner = strip_factors(view, product->inputs[0]);
        scores.factor *= inner.factor;
        scores.turned = true;
        product = view.producer(inner.value);
    }
    if (!product || product->op != "MatMul") return std::nullopt;
    const Scaled left = strip_factors(view, product->inputs[0]), right = strip_factors(view, product->inputs[1]);
    scores.query = left.value;
    scores.key_transposed = right.value;
    scores.factor *= left.factor * right.factor;
    return scores;
}

/// The value with its last two axes swapped: what a Transpose was made of, or a new Transpose.
ValueId swap_last_two(const View& view, ir::Patch& patch, ValueId id) {
    const auto rank = static_cast<std::size_t>(*view.rank(id));
    Permutation perm(rank);
    for (std::size_t i = 0; i < rank; ++i) perm[i] = static_cast<std::int64_t>(i);
    const Node* transpose = view.producer(id, "Transpose");
    if (const auto own = transpose ? permutation(view, *transpose) : std::nullopt) {
        perm = *own;
        id = transpose->inputs[0];
    }
    std::swap(perm[rank - 1], perm[rank - 2]);
    return is_identity(perm) ? id : patch.node("Transpose", {id}, {{"perm", perm}});
}

bool same_axis(const View& view, ValueId a, std::size_t i, ValueId b, std::size_t k) {
    return (*view.dims(a))[i].same((*view.dims(b))[k]);
}

/// softmax(q·kᵀ·scale + mask)·v, on 4 axes [batch, heads, length, size] or on 3 [batch, length, size].
void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "MatMul") return;
    const Node* softmax = view.producer(node.inputs[0], "Softmax");
    const ValueId value = node.inputs[1];
    const auto rank = view.rank(node.outputs[0]);
    if (!softmax || !rank || (*rank != 3 && *rank != 4) || view.constant(value) || view.rank(value) != rank) return;
    const std::int64_t axis = softmax->get<std::int64_t>("axis", -1);
    if (axis != -1 && axis != *rank - 1) return;
    const auto scores = scores_of(view, softmax->inputs[0]);
    if (!scores || view.rank(scores->query) != rank || view.rank(scores->key_transposed) != rank || scores->factor <= 0)
        return;
    // The operator has one batch for all; broadcasting would hide in MatMul.
    const auto last = static_cast<std::size_t>(*rank) - 1;
    for (std::size_t i = 0; i + 1 < last; ++i)
        if (!same_axis(view, scores->query, i, scores->key_transposed, i) ||
            !same_axis(view, scores->query, i, value, i))
            return;

    ValueId query = scores->query, key = scores->key_transposed;
    if (scores->turned) {
        const ValueId keys = query;
        query = swap_last_two(view, patch, key);
        key = keys;
    } else {
        key = swap_last_two(view, patch, key);
    }
    std::vector<ValueId> inputs = {query, key, value};
    if (scores->mask != kNone) inputs.push_back(scores->mask);
    std::map<std::string, ir::Attribute, std::less<>> attributes = {{"scale", static_cast<float>(scores->factor)}};
    if (*rank == 3) {
        // One head: [batch, length, 1 · size]. A mask [batch, queries, keys] would be read as [heads, queries, keys].
        const auto mask_rank = scores->mask == kNone ? std::optional<std::int64_t>(0) : view.rank(scores->mask);
        if (!mask_rank || *mask_rank > 2) {
            patch = ir::Patch(view.graph());
            return;
        }
        attributes.insert({{"q_num_heads", std::int64_t{1}}, {"kv_num_heads", std::int64_t{1}}});
    }
    patch.replace(node.outputs[0], patch.node("Attention", std::move(inputs), std::move(attributes)));
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass recognise_attention() {
    return {"recognise-attention", "finds Attention: softmax(q·kᵀ·scale + mask)·v, with the scale anywhere in it",
            propose};
}

}  // namespace fovea::pass
