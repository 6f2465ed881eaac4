#include "onnx/versions.hpp"

#include "onnx/fail.hpp"
#include "onnx/operand_types.hpp"

namespace fovea::onnx {
namespace {

/// For each operator oldest first. A rule may rename the operator; the rules of the new name follow.
constexpr VersionRule kRules[] = {
    {"BatchNormalization", 9, batch_normalization_8},
    {"BatchNormalization", 14, batch_normalization_13},
    {"Clip", 11, clip_6},
    {"DFT", 20, dft_17},
    {"Dropout", 10, dropout_7},
    {"Dropout", 12, dropout_10},
    {"GridSample", 20, grid_sample_16},
    {"GroupNormalization", 21, group_normalization_18},
    {"Hardmax", 13, softmax_11},
    {"LogSoftmax", 13, softmax_11},
    {"Pad", 11, pad_2},
    {"ReduceL1", 18, axes_to_input},
    {"ReduceL2", 18, axes_to_input},
    {"ReduceLogSum", 18, axes_to_input},
    {"ReduceLogSumExp", 18, axes_to_input},
    {"ReduceMax", 18, axes_to_input},
    {"ReduceMean", 18, axes_to_input},
    {"ReduceMin", 18, axes_to_input},
    {"ReduceProd", 18, axes_to_input},
    {"ReduceSum", 13, axes_to_input},
    {"ReduceSumSquare", 18, axes_to_input},
    {"Reshape", 5, reshape_1},
    {"Resize", 11, resize_10},
    {"Resize", kNewestOpset + 1, resize_18},
    {"RoiAlign", 16, roi_align_10},
    {"Scan", 9, scan_8},
    {"Scatter", kNewestOpset + 1, scatter},
    {"Slice", 10, slice_1},
    {"Softmax", 13, softmax_11},
    {"Split", 13, split_2},
    {"Split", 18, split_13},
    {"Squeeze", 13, axes_to_input},
    {"TopK", 10, top_k_1},
    {"Unsqueeze", 13, axes_to_input},
    {"Upsample", 9, upsample_7},
    {"Upsample", 10, upsample_9},
};

const VersionRule* next_rule(const Call& call, const VersionRule* last) {
    for (const VersionRule& rule : kRules)
        if (call.op == rule.op && call.version < rule.below && (!last || last->op != call.op || &rule > last))
            return &rule;
    return nullptr;
}

}  // namespace

void Conversion::set_input(std::size_t i, ir::ValueId id) {
    if (call.inputs.size() <= i) call.inputs.resize(i + 1, ir::kNone);
    call.inputs[i] = id;
}

ir::ValueId Conversion::constant(Tensor tensor) {
    return builder_->add_constant(call.name + "/constant", std::move(tensor));
}

ir::ValueId Conversion::emit(std::string op, std::vector<ir::ValueId> inputs, Attributes attributes) {
    check_operand_types(*builder_, op, kNewestOpset, inputs);
    const ir::ValueId output = builder_->add_result(call.name + "/" + op);
    builder_->add_node({.op = op,
                        .name = call.name + "/" + op,
                        .inputs = std::move(inputs),
                        .outputs = {output},
                        .attributes = std::move(attributes),
                        .origins = {call.origin}});
    return output;
}

void Conversion::emit_output(std::size_t i, std::string op, std::vector<ir::ValueId> inputs, Attributes attributes) {
    builder_->add_node({.op = op,
                        .name = call.name + "/" + op,
                        .inputs = std::move(inputs),
                        .outputs = {call.outputs[i]},
                        .attributes = std::move(attributes),
                        .origins = {call.origin}});
    call.outputs[i] = ir::kNone;
}

void Conversion::refuse(const std::string& rule) const {
    fail(kBroken, rule, "convert the model to a newer operator set (onnx.version_converter)");
}

void add_call(GraphBuilder& builder, Call call) {
    Conversion conversion(builder, call);
    if (call.convert) call.convert(conversion);
    check_operand_types(builder, call.op, call.version,
                        std::span(call.inputs).first(call.inputs.size() - call.captures));
    const VersionRule* rule = nullptr;
    while ((rule = next_rule(call, rule))) rule->convert(conversion);
    while (!call.inputs.empty() && call.inputs.back() == ir::kNone) call.inputs.pop_back();
    while (!call.outputs.empty() && call.outputs.back() == ir::kNone) call.outputs.pop_back();
    builder.add_node({.op = std::move(call.op),
                      .name = std::move(call.name),
                      .inputs = std::move(call.inputs),
                      .outputs = std::move(call.outputs),
                      .attributes = std::move(call.attributes),
                      .origins = {std::move(call.origin)}});
}

}  // namespace fovea::onnx
