#include <algorithm>

#include "onnx/versions.hpp"

namespace fovea::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

/// Attribute `key`, where present, becomes the constant input `i`.
void integers_to_input(Conversion& c, std::string_view key, std::size_t i) {
    if (auto values = c.take<Integers>(key)) c.set_input(i, c.constant(Tensor::vector(std::move(*values))));
}

/// A scalar of the type of input 0.
ir::ValueId scalar_like_input(Conversion& c, float value) {
    const DType type = c.has(0) ? c.info(0).dtype : DType::undefined;
    return c.constant(Tensor::scalar(value).cast(type == DType::undefined ? DType::f32 : type));
}

/// All ones, of the shape of input 0.
void emit_ones(Conversion& c, std::size_t output, DType type) {
    const ir::ValueId shape = c.emit("Shape", {c.call.inputs.at(0)});
    c.emit_output(output, "ConstantOfShape", {shape}, {{"value", Tensor::vector({1}).cast(type)}});
}

}  // namespace

void axes_to_input(Conversion& c) { integers_to_input(c, "axes", 1); }

void batch_normalization_8(Conversion& c) {
    if (c.take<std::int64_t>("spatial", 1) != 1) c.refuse("attribute \"spatial\": only 1 is supported");
}

void batch_normalization_13(Conversion& c) {
    for (std::size_t i = 1; i < c.call.outputs.size(); ++i)
        if (c.wants_output(i)) c.refuse("the statistics of training are not computed");
    c.call.outputs.resize(std::min<std::size_t>(c.call.outputs.size(), 1));
}

void clip_6(Conversion& c) {
    if (const auto low = c.take<float>("min")) c.set_input(1, scalar_like_input(c, *low));
    if (const auto high = c.take<float>("max")) c.set_input(2, scalar_like_input(c, *high));
}

void dft_17(Conversion& c) { c.set_input(2, c.constant(Tensor::scalar(c.take<std::int64_t>("axis", 1)))); }

void dropout_7(Conversion& c) {
    if (c.wants_output(1) && c.has(0)) emit_ones(c, 1, c.info(0).dtype);
    c.call.outputs.resize(std::min<std::size_t>(c.call.outputs.size(), 1));
}

void dropout_10(Conversion& c) { c.take<float>("ratio"); }

void grid_sample_16(Conversion& c) {
    auto mode = c.take<std::string>("mode", "bilinear");
    if (mode == "bilinear") mode = "linear";
    if (mode == "bicubic") mode = "cubic";
    c.call.attributes["mode"] = mode;
}

void group_normalization_18(Conversion& c) {
    const auto* groups = std::get_if<std::int64_t>(&c.call.attributes["num_groups"]);
    if (!groups || *groups < 1) c.refuse("attribute \"num_groups\": expected a positive number");
    if (!c.has(0) || !c.info(0).dims || c.info(0).dims->size() < 2 || !(*c.info(0).dims)[1].known())
        c.refuse("the number of channels of the input must be known");
    const std::int64_t channels = (*c.info(0).dims)[1].value;
    for (std::size_t i = 1; i < 3; ++i) {
        if (!c.has(i)) continue;
        const ir::ValueId column = c.emit("Reshape", {c.call.inputs[i], c.constant(Tensor::vector({*groups, 1}))});
        const ir::ValueId grid = c.emit("Expand", {column, c.constant(Tensor::vector({*groups, channels / *groups}))});
        c.set_input(i, c.emit("Reshape", {grid, c.constant(Tensor::vector({channels}))}));
    }
}

void pad_2(Conversion& c) {
    integers_to_input(c, c.call.version < 2 ? "paddings" : "pads", 1);
    if (const auto value = c.take<float>("value")) c.set_input(2, scalar_like_input(c, *value));
}

void reshape_1(Conversion& c) { integers_to_input(c, "shape", 1); }

void resize_10(Conversion& c) {
    if (c.has(1)) {
        c.set_input(2, c.call.inputs[1]);
        c.set_input(1, ir::kNone);
    }
    c.call.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
    c.call.attributes["nearest_mode"] = std::string("floor");
}

void resize_18(Conversion& c) {
    for (std::size_t i = 1; i < c.call.inputs.size(); ++i)
        if (c.has(i) && c.info(i).constant && c.info(i).constant.size() == 0) c.set_input(i, ir::kNone);
    auto& attributes = c.call.attributes;
    const auto text = [&](const char* key) {
        const auto it = attributes.find(key);
        const auto* value = it == attributes.end() ? nullptr : std::get_if<std::string>(&it->second);
        return value ? *value : std::string();
    };
    if (c.call.version >= 13 || text("coordinate_transformation_mode") != "tf_half_pixel_for_nn") return;
    // floor((x + 0.5) / scale) is half_pixel's coordinate rounded half up.
    const std::string mode = text("mode");
    if (!(mode.empty() || mode == "nearest") || text("nearest_mode") != "floor")
        c.refuse("tf_half_pixel_for_nn is supported with the modes nearest and floor only");
    attributes["coordinate_transformation_mode"] = std::string("half_pixel");
    attributes["nearest_mode"] = std::string("round_prefer_ceil");
}

void roi_align_10(Conversion& c) {
    c.call.attributes["coordinate_transformation_mode"] = std::string("output_half_pixel");
}

void scatter(Conversion& c) { c.call.op = "ScatterElements"; }

void slice_1(Conversion& c) {
    integers_to_input(c, "starts", 1);
    integers_to_input(c, "ends", 2);
    integers_to_input(c, "axes", 3);
}

/// Until operator set 12 the function normalised over all axes from `axis` on.
void softmax_11(Conversion& c) {
    const auto axis = c.take<std::int64_t>("axis", 1);
    c.call.attributes["axis"] = std::int64_t{-1};
    if (!c.has(0)) return;
    if (const auto& dims = c.info(0).dims) {
        const auto rank = static_cast<std::int64_t>(dims->size());
        if (axis < -rank || axis > rank)
            c.refuse("attribute \"axis\": expected -" + std::to_string(rank) + " to " + std::to_string(rank) +
                     ", found " + std::to_string(axis));
        if (axis == -1 || axis == rank - 1) return;
    }
    const ir::ValueId x = c.call.inputs[0];
    const ir::ValueId flat = c.emit("Flatten", {x}, {{"axis", axis}});
    const ir::ValueId y = c.emit(c.call.op, {flat}, c.call.attributes);
    c.call.inputs = {y, c.emit("Shape", {x})};
    c.call.op = "Reshape";
    c.call.version = kNewestOpset;
    c.call.attributes.clear();
}

void split_2(Conversion& c) { integers_to_input(c, "split", 1); }

void split_13(Conversion& c) {
    if (!c.has(1)) c.call.attributes["num_outputs"] = static_cast<std::int64_t>(c.call.outputs.size());
}

void top_k_1(Conversion& c) {
    if (const auto count = c.take<std::int64_t>("k")) c.set_input(1, c.constant(Tensor::vector({*count})));
}

void upsample_7(Conversion& c) {
    const auto scales = c.take<std::vector<float>>("scales", {});
    c.set_input(1, c.constant(Tensor::from<float>({static_cast<std::int64_t>(scales.size())}, scales)));
}

void upsample_9(Conversion& c) {
    resize_10(c);
    c.call.op = "Resize";
    c.call.version = 11;
    if (c.take<std::string>("mode", "nearest") != "nearest") c.call.attributes["mode"] = std::string("linear");
}

}  // namespace fovea::onnx
