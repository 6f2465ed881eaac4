#include "ops/registry.hpp"

#include <algorithm>

#include "fovea/error.hpp"

namespace fovea::ops {
namespace {

std::vector<const Op*> collect() {
    std::vector<const Op*> result;
    for (const auto operators : {
             activation_operators(),
             arg_extremum_operators(),
             arithmetic_operators(),
             attention_operators(),
             batch_normalization_operators(),
             cast_operators(),
             causal_conv_operators(),
             center_crop_pad_operators(),
             col2im_operators(),
             compress_operators(),
             concat_operators(),
             constant_of_shape_operators(),
             conv_operators(),
             conv_transpose_operators(),
             cumulative_operators(),
             deform_conv_operators(),
             determinant_operators(),
             dft_operators(),
             einsum_operators(),
             expand_operators(),
             gather_operators(),
             generate_operators(),
             global_pool_operators(),
             grid_sample_operators(),
             if_operators(),
             linear_attention_operators(),
             local_normalization_operators(),
             logic_operators(),
             loop_operators(),
             loss_operators(),
             matmul_operators(),
             max_roi_pool_operators(),
             max_unpool_operators(),
             mean_variance_operators(),
             non_max_suppression_operators(),
             normalization_operators(),
             one_hot_operators(),
             pad_operators(),
             pixel_shuffle_operators(),
             pool_operators(),
             quantize_linear_operators(),
             quantized_conv_operators(),
             quantized_matmul_operators(),
             random_operators(),
             recurrent_operators(),
             reduce_operators(),
             reshape_operators(),
             resize_operators(),
             reverse_sequence_operators(),
             roi_align_operators(),
             rotary_embedding_operators(),
             scan_operators(),
             scatter_operators(),
             select_operators(),
             shape_operators(),
             signal_operators(),
             slice_operators(),
             softmax_operators(),
             split_operators(),
             squeeze_operators(),
             top_k_operators(),
             transpose_operators(),
             trilu_operators(),
             unary_operators(),
             unique_operators(),
             variadic_operators(),
         })
        for (const Op& op : operators) result.push_back(&op);
    std::sort(result.begin(), result.end(), [](const Op* a, const Op* b) { return a->name < b->name; });
    return result;
}

bool holds(const ir::Attribute& attribute, AttributeKind kind) {
    return attribute.index() == static_cast<std::size_t>(kind);
}

constexpr std::string_view kKindNames[] = {"an integer",        "a number",        "a text",   "a list of integers",
                                           "a list of numbers", "a list of texts", "a tensor", "a graph"};

void check_arity(const NodeView& view, Arity arity, std::size_t count, const char* what) {
    const auto n = static_cast<int>(std::min<std::size_t>(count, Arity::kAny));
    if (n >= arity.min && n <= arity.max) return;
    const std::string upper = arity.max == Arity::kAny ? "any number" : std::to_string(arity.max);
    view.fail("expected " + std::to_string(arity.min) + " to " + upper + " " + what + ", found " +
              std::to_string(count));
}

void check_inputs(const NodeView& view, const Op& op, const std::vector<ir::ValueId>& inputs) {
    const std::size_t count = std::max(inputs.size(), static_cast<std::size_t>(op.inputs.min));
    for (std::size_t i = 0; i < count; ++i)
        view.require(!requires_input(op, i) || (i < inputs.size() && inputs[i] != ir::kNone),
                     "input " + std::to_string(i) + " is required, but the node does not give it");
    check_arity(view, op.inputs, inputs.size(), "inputs");
}

}  // namespace

std::span<const Op* const> all() {
    static const std::vector<const Op*> operators = collect();
    return operators;
}

const Op* find(std::string_view name) {
    const auto operators = all();
    const auto it = std::lower_bound(operators.begin(), operators.end(), name,
                                     [](const Op* op, std::string_view key) { return op->name < key; });
    return it != operators.end() && (*it)->name == name ? *it : nullptr;
}

bool requires_input(const Op& op, std::size_t input) {
    if (input < static_cast<std::size_t>(op.omittable_inputs)) return false;
    return input < static_cast<std::size_t>(op.inputs.min) || op.inputs.max == Arity::kAny;
}

const Op& check(const ir::Node& node) {
    const NodeView view(node);
    const Op* op = find(node.op);
    if (!op)
        throw Error(ErrorCode::unsupported, "fovea does not know this operator")
            .in("node " + node.name + " (" + node.op + ")");
    check_inputs(view, *op, node.inputs);
    check_arity(view, op->outputs, node.outputs.size(), "outputs");
    for (const auto& [key, attribute] : node.attributes) {
        const auto* spec = std::find_if(op->attributes.begin(), op->attributes.end(),
                                        [&key = key](const AttributeSpec& s) { return s.name == key; });
        if (spec == op->attributes.end()) view.fail("the operator has no attribute \"" + key + "\"");
        if (!holds(attribute, spec->kind))
            view.fail("attribute \"" + key + "\": expected " +
                      std::string(kKindNames[static_cast<std::size_t>(spec->kind)]) + ", found " +
                      std::string(kKindNames[attribute.index()]));
    }
    for (const AttributeSpec& spec : op->attributes)
        if (spec.required && !node.attributes.contains(spec.name))
            view.fail("the required attribute \"" + std::string(spec.name) + "\" is missing");
    return *op;
}

}  // namespace fovea::ops
