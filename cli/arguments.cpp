#include "arguments.hpp"

#include <charconv>

#include "fovea/error.hpp"

namespace fovea::cli {
namespace {

constexpr const char* kShapeForm = "a shape is written like 1x3x480x640";
constexpr const char* kSweepForm = "a sweep is written like batch=1,2,4..64,size=256x512,512x1024";

[[noreturn]] void fail(const std::string& text, const std::string& form) {
    throw Error(ErrorCode::invalid_argument, "\"" + text + "\" was not understood; " + form);
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == separator)
            parts.emplace_back();
        else
            parts.back() += c;
    }
    return parts;
}

std::int64_t parse_size(const std::string& text, const std::string& form) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size() || number < 0) fail(text, form);
    return number;
}

/// "4..64" as 4, 8, …, 64; a plain value as itself.
std::vector<std::vector<std::int64_t>> parse_sweep_values(const std::string& name, const std::string& text) {
    const std::size_t dots = text.find("..");
    if (name == "size") {
        const Shape size = parse_shape(text);
        if (size.size() != 2) fail(text, "a size is written HEIGHTxWIDTH");
        return {size};
    }
    if (dots == std::string::npos) return {{parse_size(text, kSweepForm)}};
    const std::int64_t first = parse_size(text.substr(0, dots), kSweepForm),
                       last = parse_size(text.substr(dots + 2), kSweepForm);
    if (first < 1 || last < first) fail(text, kSweepForm);
    std::vector<std::vector<std::int64_t>> values;
    for (std::int64_t value = first; value <= last && value > 0; value *= 2) values.push_back({value});
    return values;
}

}  // namespace

Shape parse_shape(const std::string& text) {
    Shape shape;
    if (text.empty()) return shape;
    for (const std::string& part : split(text, 'x')) {
        if (part.empty()) fail(text, kShapeForm);
        shape.push_back(parse_size(part, kShapeForm));
    }
    base::element_count(shape);
    return shape;
}

std::pair<std::string, std::string> parse_named(const std::string& text) {
    const std::size_t at = text.rfind('=');
    if (at == std::string::npos || at == 0) fail(text, "name=value was expected");
    return {text.substr(0, at), text.substr(at + 1)};
}

std::map<std::string, Shape> parse_shapes(const std::vector<std::string>& texts) {
    std::map<std::string, Shape> shapes;
    for (const std::string& text : texts) {
        const auto [name, shape] = parse_named(text);
        if (!shapes.emplace(name, parse_shape(shape)).second)
            throw Error(ErrorCode::invalid_argument, "the shape is given twice").in("input " + name);
    }
    return shapes;
}

plan::InputProfile parse_profile(const std::string& text) {
    const auto parts = split(text, ':');
    if (parts.size() != 3) fail(text, "a profile is written min:opt:max, like 1x3x128x256:1x3x256x512:8x3x384x768");
    return {parse_shape(parts[0]), parse_shape(parts[1]), parse_shape(parts[2])};
}

DType parse_dtype(const std::string& text) {
    const DType type = dtype_from_string(text);
    if (type == DType::undefined) fail(text, "a type is expected, for example fp32, bf16 or fp16");
    return type;
}

std::vector<SweepAxis> parse_sweep(const std::string& text) {
    std::vector<SweepAxis> axes;
    for (const std::string& part : split(text, ',')) {
        std::string value = part;
        if (const std::size_t at = part.find('='); at != std::string::npos) {
            axes.push_back({part.substr(0, at), {}});
            value = part.substr(at + 1);
            if (axes.back().name != "batch" && axes.back().name != "size") fail(part, kSweepForm);
        }
        if (axes.empty()) fail(part, kSweepForm);
        for (auto& entry : parse_sweep_values(axes.back().name, value)) axes.back().values.push_back(std::move(entry));
    }
    return axes;
}

}  // namespace fovea::cli
