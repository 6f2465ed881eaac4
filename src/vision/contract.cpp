#include "vision/contract.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fovea/error.hpp"

namespace fovea::vision {
namespace {

using Json = nlohmann::ordered_json;

template <class Enum>
struct Choice {
    Enum value;
    std::string_view name;
};

constexpr std::array kFits = {Choice<Fit>{Fit::stretch, "stretch"}, Choice<Fit>{Fit::letterbox, "letterbox"},
                              Choice<Fit>{Fit::corner, "corner"}, Choice<Fit>{Fit::center_crop, "center_crop"}};
constexpr std::array kColors = {Choice<ColorOrder>{ColorOrder::rgb, "rgb"}, Choice<ColorOrder>{ColorOrder::bgr, "bgr"},
                                Choice<ColorOrder>{ColorOrder::grey, "grey"}};
constexpr std::array kLayouts = {Choice<Layout>{Layout::nchw, "nchw"}, Choice<Layout>{Layout::nhwc, "nhwc"}};

constexpr std::int64_t kMaxSide = 1 << 16;

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

template <class Choices, class Enum>
std::string_view name_of(const Choices& choices, Enum value) {
    return std::find_if(choices.begin(), choices.end(), [&](const auto& c) { return c.value == value; })->name;
}

template <class Choices>
auto value_of(const Choices& choices, const std::string& name) {
    std::string known;
    for (const auto& choice : choices) {
        if (choice.name == name) return choice.value;
        known += (known.empty() ? "" : ", ") + std::string(choice.name);
    }
    fail("'" + name + "' is not one of " + known);
}

/// Reads the members of one JSON object; every member must be asked for before `finish`.
class Members {
  public:
    explicit Members(const Json& object) : object_(object) {
        if (!object.is_object()) fail(std::string("expected an object, found ") + object.type_name());
    }

    /// Hands the member's value to `read` where there is one; errors carry the key.
    template <class Read>
    void member(const char* key, const Read& read) {
        known_.emplace_back(key);
        const auto found = object_.find(key);
        if (found == object_.end()) return;
        try {
            read(*found);
        } catch (Error& error) {
            throw error.in(key);
        } catch (const nlohmann::json::exception&) {
            throw Error(ErrorCode::invalid_argument,
                        std::string("a value of another type was expected, found ") + found->type_name())
                .in(key);
        }
    }

    template <class T>
    void value(const char* key, T& target) {
        member(key, [&](const Json& json) { target = json.get<T>(); });
    }

    template <class Choices, class Enum>
    void choice(const char* key, const Choices& choices, Enum& target) {
        member(key, [&](const Json& json) { target = value_of(choices, json.get<std::string>()); });
    }

    void finish() const {
        for (const auto& [key, value] : object_.items())
            if (std::find(known_.begin(), known_.end(), key) == known_.end()) fail("unknown key '" + key + "'");
    }

  private:
    const Json& object_;
    std::vector<std::string> known_;
};

void require(bool holds, const char* message) {
    if (!holds) fail(message);
}

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
    require(input.dtype == DType::f32 || input.dtype == DType::u8, "'dtype' must be f32 or u8");
    const bool identity = input.scale == 1.0f && input.mean == std::vector{0.0f} && input.std == std::vector{1.0f};
    require(input.dtype == DType::f32 || identity,
            "'dtype' u8 takes pixels as they are: leave out scale, mean and std");
}

InputContract read_input(const Json& json) {
    InputContract input;
    Members members(json);
    members.value("tensor", input.tensor);
    members.value("width", input.width);
    members.value("height", input.height);
    members.value("multiple", input.multiple);
    members.choice("fit", kFits, input.fit);
    members.value("resize_shorter", input.resize_shorter);
    members.member("resize", [&](const Json& j) { input.resize = resize_rule_from_string(j.get<std::string>()); });
    members.value("fill", input.fill);
    members.choice("color", kColors, input.color);
    members.value("scale", input.scale);
    members.value("mean", input.mean);
    members.value("std", input.std);
    members.choice("layout", kLayouts, input.layout);
    members.member("dtype", [&](const Json& j) { input.dtype = dtype_from_string(j.get<std::string>()); });
    members.finish();
    check(input);
    return input;
}

OutputContract read_output(const Json& json) {
    OutputContract output;
    Members members(json);
    members.value("decoder", output.decoder);
    members.value("tensors", output.tensors);
    members.value("score_threshold", output.score_threshold);
    members.value("iou_threshold", output.iou_threshold);
    members.value("labels", output.labels);
    members.finish();
    return output;
}

}  // namespace

Contract contract_from_json(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false, true);
    if (json.is_discarded()) fail("the contract is not valid JSON");
    Contract contract;
    Members members(json);
    members.member("input", [&](const Json& j) { contract.input = read_input(j); });
    members.member("output", [&](const Json& j) { contract.output = read_output(j); });
    members.finish();
    require(json.contains("input"), "the contract has no 'input'");
    return contract;
}

std::string to_json(const Contract& contract) {
    const InputContract& in = contract.input;
    const OutputContract& out = contract.output;
    Json json;
    json["input"] = {{"tensor", in.tensor},
                     {"width", in.width},
                     {"height", in.height},
                     {"multiple", in.multiple},
                     {"fit", name_of(kFits, in.fit)},
                     {"resize_shorter", in.resize_shorter},
                     {"resize", to_string(in.resize)},
                     {"fill", in.fill},
                     {"color", name_of(kColors, in.color)},
                     {"scale", in.scale},
                     {"mean", in.mean},
                     {"std", in.std},
                     {"layout", name_of(kLayouts, in.layout)},
                     {"dtype", to_string(in.dtype)}};
    json["output"] = {{"decoder", out.decoder},
                      {"tensors", out.tensors},
                      {"score_threshold", out.score_threshold},
                      {"iou_threshold", out.iou_threshold},
                      {"labels", out.labels}};
    return json.dump(2) + "\n";
}

}  // namespace fovea::vision
