#include <algorithm>
#include <optional>

#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

/// Operators that only move elements, or choose the largest one, which rounding does not change. The number of leading
/// inputs that hold the elements; 0: all.
std::optional<std::size_t> moved_inputs(const View& view, const ir::Node& node) {
    constexpr std::string_view kOps[] = {"DepthToSpace", "Flatten",      "Identity", "MaxPool",   "Reshape",
                                         "Slice",        "SpaceToDepth", "Squeeze",  "Transpose", "Unsqueeze"};
    if (node.outputs.size() != 1 || node.inputs.empty()) return std::nullopt;
    if (std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps)) return 1;
    if (node.op == "Resize" && node.get<std::string>("mode", "nearest") == "nearest" &&
        node.get<std::string>("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize")
        return 1;
    if (node.op == "Concat" && view.dtype(node.outputs[0]) == DType::f32) return node.inputs.size();
    return std::nullopt;
}

/// One constant scale above 0 and one zero point, between f32 and 8 bits.
bool plain(const View& view, const ir::Node& node) {
    const ir::ValueId real = node.op == "QuantizeLinear" ? node.inputs[0] : node.outputs[0],
                      stored = node.op == "QuantizeLinear" ? node.outputs[0] : node.inputs[0];
    if (view.dtype(real) != DType::f32 || (view.dtype(stored) != DType::u8 && view.dtype(stored) != DType::i8) ||
        node.attributes.contains("precision"))
        return false;
    const Tensor* scale = view.constant(View::input(node, 1));
    if (!scale || scale->dtype() != DType::f32 || scale->size() != 1) return false;
    const float number = scale->to_float()[0];
    const ir::ValueId zero = View::input(node, 2);
    return number > 1e-30f && number < 1e30f &&
           (zero == ir::kNone || (view.constant(zero) && view.constant(zero)->size() == 1));
}

std::int64_t zero_of(const View& view, const ir::Node& node) {
    const ir::ValueId zero = View::input(node, 2);
    return zero == ir::kNone ? 0 : view.constant(zero)->to_int64()[0];
}

/// The DequantizeLinear that alone makes `id` for `QuantizeLinear`s behind.
const ir::Node* dequantiser(const View& view, ir::ValueId id) {
    const ir::Node* node = view.producer(id, "DequantizeLinear");
    return node && plain(view, *node) ? node : nullptr;
}

void rewrite(const View& view, const ir::Node& node, ir::Patch& patch) {
    if (node.op != "QuantizeLinear" || !plain(view, node)) return;
    const ir::ValueId output = node.outputs[0];
    if (const ir::Node* before = dequantiser(view, node.inputs[0])) {
        const bool same = view.dtype(before->inputs[0]) == view.dtype(output) &&
                          zero_of(view, *before) == zero_of(view, node) &&
                          view.constant(before->inputs[1])->to_float() == view.constant(node.inputs[1])->to_float();
        if (same) patch.replace(output, before->inputs[0]);
        return;
    }
    const ir::Node* mover = view.producer(node.inputs[0]);
    const auto count = mover && view.single_use(node.inputs[0]) ? moved_inputs(view, *mover) : std::nullopt;
    if (!count) return;
    for (std::size_t i = 0; i < *count; ++i)
        if (!dequantiser(view, mover->inputs[i])) return;
    auto inputs = mover->inputs;
    for (std::size_t i = 0; i < *count; ++i) {
        auto parameters = node.inputs;
        parameters[0] = inputs[i];
        inputs[i] = patch.node(node.op, parameters, node.attributes);
    }
    patch.replace(output, patch.node(mover->op, inputs, mover->attributes));
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass move_quantisers() {
    return {"move-quantisers",
            "moves elements as 8-bit numbers: QuantizeLinear goes in front of what only moves, and vanishes behind its "
            "inverse",
            propose};
}

}  // namespace fovea::pass
