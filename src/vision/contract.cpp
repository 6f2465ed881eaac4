#include "vision/contract.hpp"

#include "vision/contract_fields.hpp"

namespace fovea::vision {
namespace {

constexpr std::array kFits = {Choice<Fit>{Fit::stretch, "stretch"}, Choice<Fit>{Fit::letterbox, "letterbox"},
                              Choice<Fit>{Fit::corner, "corner"}, Choice<Fit>{Fit::center_crop, "center_crop"}};
constexpr std::array kColors = {Choice<ColorOrder>{ColorOrder::rgb, "rgb"}, Choice<ColorOrder>{ColorOrder::bgr, "bgr"},
                                Choice<ColorOrder>{ColorOrder::grey, "grey"}};
constexpr std::array kLayouts = {Choice<Layout>{Layout::nchw, "nchw"}, Choice<Layout>{Layout::nhwc, "nhwc"}};

constexpr std::int64_t kMaxSide = 1 << 16;

void check(const InputContract& input) {
    const std::size_t channels = input.color == ColorOrder::grey ? 1 : 3;
    const auto fits = [&](const std::vector<float>& v) { return v.size() == 1 || v.size() == channels; };
    const auto side = [](std::int64_t size, std::int64_t low) { return size >= low && size <= kMaxSide; };
    require(!input.tensor.empty(), "'tensor' must name the network's input");
    require(side(input.width, 0) && side(input.height, 0), "'width' and 'height' must be 0 (the image's own) to 65536");
    require(side(input.multiple, 1), "'multiple' must be 1 to 65536");
    require(fits(input.mean) && fits(input.std), "'mean' and 'std' must hold one number, or one per channel");
    require(std::none_of(input.std.begin(), input.std.end(), [](float s) { return s == 0.0f; }), "'std' must not be 0");
    require(input.fit != Fit::center_crop || (input.width && input.height && side(input.resize_shorter, 1)),
            "'center_crop' needs 'width', 'height' and 'resize_shorter'");
    require(input.dtype == DType::f32 || input.dtype == DType::f16 || input.dtype == DType::u8,
            "'dtype' must be f32, f16 or u8");
    const bool identity = input.scale == 1.0f && input.mean == std::vector{0.0f} && input.std == std::vector{1.0f};
    require(input.dtype != DType::u8 || identity, "'dtype' u8 takes pixels as they are: leave out scale, mean and std");
}

/// `resize` and `dtype` have names of their own.
void describe_names(ResizeRule& rule, DType& dtype, FieldReader& fields) {
    fields.member("resize", [&](const Json& json) { rule = resize_rule_from_string(json.get<std::string>()); });
    fields.member("dtype", [&](const Json& json) { dtype = dtype_from_string(json.get<std::string>()); });
}

void describe_names(ResizeRule rule, DType dtype, FieldWriter& fields) {
    fields.value("resize", to_string(rule));
    fields.value("dtype", to_string(dtype));
}

}  // namespace

template <class Fields>
void describe(InputContract& input, Fields& fields) {
    fields.value("tensor", input.tensor);
    fields.value("width", input.width);
    fields.value("height", input.height);
    fields.value("multiple", input.multiple);
    fields.choice("fit", kFits, input.fit);
    fields.value("resize_shorter", input.resize_shorter);
    fields.value("fill", input.fill);
    fields.choice("color", kColors, input.color);
    fields.value("scale", input.scale);
    fields.value("mean", input.mean);
    fields.value("std", input.std);
    fields.choice("layout", kLayouts, input.layout);
    describe_names(input.resize, input.dtype, fields);
}

namespace {

/// One task is an object, several are a list of them.
std::vector<OutputContract> read_outputs(const Json& json) {
    std::vector<OutputContract> outputs(json.is_array() ? json.size() : 1);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (json.is_array())
            at_key(std::to_string(i), json[i], [&] { FieldReader::read(json[i], outputs[i]); });
        else
            FieldReader::read(json, outputs[i]);
        for (std::size_t before = 0; before < i; ++before)
            require(task_of(outputs[before].decoder) != task_of(outputs[i].decoder),
                    "two entries have decoders for the same task; give one");
    }
    return outputs;
}

}  // namespace

Contract contract_from_json(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false, true);
    if (json.is_discarded()) refuse("the contract is not valid JSON");
    Contract contract;
    FieldReader fields(json);
    fields.object("input", contract.input);
    fields.member("output", [&](const Json& found) { contract.outputs = read_outputs(found); });
    fields.finish();
    require(json.contains("input"), "the contract has no 'input'");
    at_key("input", json["input"], [&] { check(contract.input); });
    return contract;
}

std::string to_json(const Contract& contract) {
    Contract source = contract;
    Json json = {{"input", FieldWriter::write(source.input)}};
    if (source.outputs.size() == 1) json["output"] = FieldWriter::write(source.outputs[0]);
    if (source.outputs.size() > 1)
        for (OutputContract& output : source.outputs) json["output"].push_back(FieldWriter::write(output));
    return json.dump(2) + "\n";
}

}  // namespace fovea::vision
