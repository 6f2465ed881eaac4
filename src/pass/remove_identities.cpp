#include <algorithm>
#include <string_view>

#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

bool all_equal(const std::optional<std::vector<std::int64_t>>& values, std::int64_t expected) {
    return values && std::all_of(values->begin(), values->end(), [=](std::int64_t v) { return v == expected; });
}

// Each of these says whether output 0 of the node always equals its input 0.

bool always(const View&, const Node&) { return true; }

bool inference_dropout(const View& view, const Node& node) {
    const ValueId training = View::input(node, 2);
    return training == kNone || filled_with(view, training, 0);
}

bool same_type(const View& view, const Node& node) {
    return view.dtype(node.inputs[0]) != DType::undefined && view.dtype(node.inputs[0]) == view.dtype(node.outputs[0]);
}

bool same_shape(const View& view, const Node& node) { return view.same_dims(node.inputs[0], node.outputs[0]); }

/// The number of elements stays, so one size may be unknown when all others agree.
bool same_reshape(const View& view, const Node& node) {
    const auto &x = view.dims(node.inputs[0]), &y = view.dims(node.outputs[0]);
    if (!x || !y || x->size() != y->size()) return false;
    int open = 0;
    for (std::size_t i = 0; i < x->size(); ++i) {
        if ((*x)[i].known() && (*x)[i].value == 0) return false;
        open += !(*x)[i].same((*y)[i]);
    }
    return open == 0 || (open == 1 && std::all_of(x->begin(), x->end(), [&](const ir::Dim& dim) {
                             const ir::Dim& other = (*y)[static_cast<std::size_t>(&dim - x->data())];
                             return dim.same(other) || !dim.known() || !other.known();
                         }));
}

bool identity_transpose(const View& view, const Node& node) {
    const auto perm = permutation(view, node);
    return perm && std::is_sorted(perm->begin(), perm->end());
}

bool pad_nothing(const View& view, const Node& node) { return all_equal(view.integers(View::input(node, 1)), 0); }

bool whole_slice(const View& view, const Node& node) {
    const ValueId steps = View::input(node, 4);
    return same_shape(view, node) && (steps == kNone || all_equal(view.integers(steps), 1));
}

bool single_input(const View&, const Node& node) { return node.inputs.size() == 1; }

bool single_output(const View&, const Node& node) { return node.outputs.size() == 1; }

bool tile_once(const View& view, const Node& node) { return all_equal(view.integers(View::input(node, 1)), 1); }

bool same_size_resize(const View& view, const Node& node) {
    if (node.get<std::string>("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize") return false;
    const ValueId scales = View::input(node, 2), sizes = View::input(node, 3);
    if (sizes == kNone && !(scales != kNone && filled_with(view, scales, 1))) return false;
    return same_shape(view, node);
}

bool trivial_window(const View&, const Node& node) {
    const auto ones = [&](std::string_view key) {
        const auto values = node.get(key, std::vector<std::int64_t>());
        return std::all_of(values.begin(), values.end(), [](std::int64_t v) { return v == 1; });
    };
    const auto pads = node.get("pads", std::vector<std::int64_t>());
    return node.outputs.size() == 1 && ones("kernel_shape") && ones("strides") &&
           std::all_of(pads.begin(), pads.end(), [](std::int64_t v) { return v == 0; });
}

bool applied_twice(const View& view, const Node& node) { return view.producer(node.inputs[0], node.op) != nullptr; }

bool block_of_one(const View&, const Node& node) { return node.get<std::int64_t>("blocksize", 0) == 1; }

struct Rule {
    std::string_view op;
    bool (*identity)(const View&, const Node&);
};

constexpr Rule kRules[] = {
    {"AveragePool", trivial_window},
    {"Cast", same_type},
    {"CastLike", same_type},
    {"Concat", single_input},
    {"DepthToSpace", block_of_one},
    {"Dropout", inference_dropout},
    {"Expand", same_shape},
    {"Flatten", same_reshape},
    {"Identity", always},
    {"Max", single_input},
    {"MaxPool", trivial_window},
    {"Mean", single_input},
    {"Min", single_input},
    {"Pad", pad_nothing},
    {"Relu", applied_twice},
    {"Reshape", same_reshape},
    {"Resize", same_size_resize},
    {"Slice", whole_slice},
    {"SpaceToDepth", block_of_one},
    {"Split", single_output},
    {"Squeeze", same_shape},
    {"Sum", single_input},
    {"Tile", tile_once},
    {"Transpose", identity_transpose},
    {"Unsqueeze", same_shape},
};

/// Operators of two inputs, one of which may hold their neutral element.
struct NeutralRule {
    std::string_view op;
    double neutral;
    bool either_side;
};

constexpr NeutralRule kNeutralRules[] = {
    {"Add", 0, true}, {"And", 1, true},  {"Div", 1, false}, {"Mul", 1, true},
    {"Or", 0, true},  {"Pow", 1, false}, {"Sub", 0, false},
};

/// The input that output 0 equals because the other is neutral.
ValueId beside_neutral(const View& view, const Node& node) {
    for (const NeutralRule& rule : kNeutralRules) {
        if (rule.op != node.op || node.inputs.size() != 2) continue;
        for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
            if (i == 1 && !rule.either_side) break;
            const ValueId kept = node.inputs[i];
            if (filled_with(view, node.inputs[1 - i], rule.neutral) && view.same_dims(kept, node.outputs[0]) &&
                view.dtype(kept) == view.dtype(node.outputs[0]))
                return kept;
        }
    }
    return kNone;
}

/// Whether the condition asks for negative numbers among sizes, as exporters do before an Expand.
bool asks_for_negative_sizes(const View& view, ValueId condition) {
    const Node* equal = view.producer(condition, "Equal");
    if (!equal) return false;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        const auto sizes = view.info(equal->inputs[i]).content;
        const auto numbers = view.integers(equal->inputs[1 - i]);
        if (sizes && numbers &&
            std::all_of(sizes->begin(), sizes->end(),
                        [](const ir::Dim& dim) { return dim.known() || !dim.symbol.empty(); }) &&
            std::all_of(numbers->begin(), numbers->end(), [](std::int64_t n) { return n < 0; }))
            return true;
    }
    return false;
}

/// The branch that a Where with a uniform condition takes.
ValueId taken_branch(const View& view, const Node& node) {
    if (node.op != "Where") return kNone;
    if (asks_for_negative_sizes(view, node.inputs[0]))
        return view.same_dims(node.inputs[2], node.outputs[0]) ? node.inputs[2] : kNone;
    const ValueId taken = filled_with(view, node.inputs[0], 1)   ? node.inputs[1]
                          : filled_with(view, node.inputs[0], 0) ? node.inputs[2]
                                                                 : kNone;
    return taken != kNone && view.same_dims(taken, node.outputs[0]) ? taken : kNone;
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.outputs.empty() || node.outputs[0] == kNone || node.inputs.empty()) return;
    for (const Rule& rule : kRules)
        if (rule.op == node.op && rule.identity(view, node)) return patch.replace(node.outputs[0], node.inputs[0]);
    for (const ValueId same : {beside_neutral(view, node), taken_branch(view, node)})
        if (same != kNone) return patch.replace(node.outputs[0], same);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass remove_identities() {
    return {"remove-identities", "removes nodes whose output always equals one of their inputs", propose};
}

}  // namespace fovea::pass
