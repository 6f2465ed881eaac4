#include <algorithm>
#include <cmath>

#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"
#include "pass/view_chain.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

constexpr std::size_t kMaxMasks = 4;

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

/// Scores q·kᵀ·factor (+ masks), as the input of the softmax.
struct Scores {
    ValueId query = kNone;  ///< [batch, heads, queries, size]
    ValueId key_transposed = kNone;
    double factor = 1;
    std::vector<ValueId> masks;
    bool turned = false;  ///< found as kᵀ... the other way round: `query` holds keys, `key_transposed` queries
};

/// Whether `id` is a product with factors and masks around it, rather than a mask.
bool holds_product(const View& view, ValueId id) {
    const Node* node = view.producer(strip_factors(view, id).value);
    for (std::size_t i = 0; node && node->op == "Add" && i < kMaxMasks; ++i) {
        const std::size_t full = view.same_dims(node->inputs[0], node->outputs[0]) ? 0 : 1;
        node = view.producer(strip_factors(view, node->inputs[full]).value);
    }
    return node && (node->op == "MatMul" || node->op == "Transpose");
}

std::optional<Scores> scores_of(const View& view, ValueId id) {
    Scores scores;
    while (const Node* sum = view.producer(id, "Add")) {
        const std::size_t i = holds_product(view, sum->inputs[0]) ? 0 : 1;
        if (!view.same_dims(sum->inputs[i], id) || scores.masks.size() == kMaxMasks) return std::nullopt;
        scores.masks.push_back(sum->inputs[1 - i]);
        id = sum->inputs[i];
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

/// Whether a mask gives every key of a query the same finite number, which the softmax takes away again.
bool shifts_all_keys(const View& view, ValueId mask) {
    const Tensor* tensor = view.constant(mask);
    if (!tensor || (tensor->rank() > 0 && tensor->shape().back() != 1)) return false;
    const auto elements = tensor->to_float();
    return std::all_of(elements.begin(), elements.end(), [](float x) { return std::isfinite(x); });
}

/// The sum of the masks in a form that the operator reads as the sum of the scores does, `kNone` where there is none;
/// not set where there is no such form. `scores` is the input of the softmax.
std::optional<ValueId> attention_mask(const View& view, ir::Patch& patch, const Scores& found, ValueId scores) {
    if (!view.dims(scores)) return std::nullopt;
    const ir::Dims& sizes = *view.dims(scores);
    ValueId sum = kNone;
    std::size_t rank = 0;
    for (const ValueId mask : found.masks) {
        if (shifts_all_keys(view, mask)) continue;
        // The operator takes a mask of fewer keys for one that hides the others.
        const auto& dims = view.dims(mask);
        if (!dims || dims->empty() || !dims->back().same(sizes.back())) return std::nullopt;
        rank = std::max(rank, dims->size());
        sum = sum == kNone ? mask : patch.node("Add", {sum, mask});
    }
    // [batch, queries, keys] would be read as [heads, queries, keys].
    if (sizes.size() == 3 && rank == 3) sum = patch.node("Unsqueeze", {sum, patch.constant(Tensor::vector({1}))});
    return sum;
}

/// A factor on query or key that stands in front of reshapes and transposes joins the scale.
void absorb_factor(const View& view, const Node& node, ir::Patch& patch) {
    if (!node.attributes.contains("scale") || node.outputs.size() != 1) return;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        const Node* last = view.producer(node.inputs[i]);
        ViewChain chain{.source = node.inputs[i]};
        if (is_view(last) && view.single_use(node.inputs[i])) chain = chain_to(view, *last);
        const auto product = with_scalar(view, chain.source, "Mul");
        if (!product || !view.single_use(chain.source)) continue;
        ValueId operand = product->value;
        for (const Node* moved : chain.nodes) {
            std::vector<ValueId> inputs = moved->inputs;
            inputs[0] = operand;
            operand = patch.copy(*moved, std::move(inputs));
        }
        std::vector<ValueId> inputs = node.inputs;
        inputs[i] = operand;
        auto attributes = node.attributes;
        const auto scale = static_cast<float>(node.get("scale", 1.0f) * product->scalar);
        attributes.insert_or_assign("scale", scale);
        return patch.replace(node.outputs[0], patch.node(node.op, std::move(inputs), std::move(attributes)));
    }
}

/// softmax(q·kᵀ·scale + mask)·v, on 4 axes [batch, heads, length, size] or on 3 [batch, length, size].
void from_softmax(const View& view, const Node& node, ir::Patch& patch) {
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
    const auto mask = attention_mask(view, patch, *scores, softmax->inputs[0]);
    if (!mask) {
        patch = ir::Patch(view.graph());
        return;
    }
    std::vector<ValueId> inputs = {query, key, value};
    if (*mask != kNone) inputs.push_back(*mask);
    std::map<std::string, ir::Attribute, std::less<>> attributes = {{"scale", static_cast<float>(scores->factor)}};
    // One head: [batch, length, 1 · size].
    if (*rank == 3) attributes.insert({{"q_num_heads", std::int64_t{1}}, {"kv_num_heads", std::int64_t{1}}});
    patch.replace(node.outputs[0], patch.node("Attention", std::move(inputs), std::move(attributes)));
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "MatMul") from_softmax(view, node, patch);
    if (node.op == "Attention") absorb_factor(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass recognise_attention() {
    return {"recognise-attention", "finds Attention: softmax(q·kᵀ·scale + mask)·v, with the scale anywhere in it",
            propose};
}

}  // namespace fovea::pass
