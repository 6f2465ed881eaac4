#include "ops/resize_axis.hpp"

#include <algorithm>
#include <cmath>

#include "base/limits.hpp"
#include "ops/axes.hpp"

namespace fovea::ops {
namespace {

/// Position of `value` among the names of an enumeration.
int choice(const NodeView& node, const char* key, const char* fallback, std::initializer_list<const char*> names) {
    const std::string value = node.text(key, fallback);
    std::string expected;
    int index = 0;
    for (const char* name : names) {
        if (value == name) return index;
        expected += (index++ ? ", " : "") + std::string(name);
    }
    node.fail("attribute \"" + std::string(key) + "\": expected one of " + expected + "; found \"" + value + "\"");
}

/// Input coordinate of the output position `x`, by the formulas of the specification.
template <class Real>
Real coordinate(const ResizeMode& mode, const ResizeAxis& axis, Real x) {
    const auto scale = static_cast<Real>(axis.scale), length = static_cast<Real>(axis.length);
    const auto input = static_cast<Real>(axis.input), half = static_cast<Real>(0.5);
    switch (mode.coordinates) {
        using enum ResizeMode::Coordinates;
        case half_pixel: break;
        case half_pixel_symmetric:
            return input / 2 * (1 - static_cast<Real>(axis.output) / length) + (x + half) / scale - half;
        case pytorch_half_pixel:
            if (!(length > 1)) return 0;
            break;
        case align_corners: return length > 1 ? x * (input - 1) / (length - 1) : 0;
        case asymmetric: return x / scale;
        case tf_crop_and_resize: {
            const auto start = static_cast<Real>(axis.start), end = static_cast<Real>(axis.end);
            if (!(length > 1)) return half * (start + end) * (input - 1);
            return start * (input - 1) + x * (end - start) * (input - 1) / (length - 1);
        }
    }
    return (x + half) / scale - half;
}

double round_nearest(ResizeMode::Nearest nearest, double x) {
    switch (nearest) {
        using enum ResizeMode::Nearest;
        case round_prefer_floor: return std::ceil(x - 0.5);
        case round_prefer_ceil: return std::floor(x + 0.5);
        case floor: return std::floor(x);
        case ceil: return std::ceil(x);
    }
    return x;
}

/// The linear or cubic (Keys 1981) kernel at distance `x`.
double kernel(const ResizeMode& mode, double x) {
    x = std::fabs(x);
    if (mode.kind == ResizeMode::Kind::linear) return x < 1 ? 1 - x : 0;
    const double a = mode.cubic_coefficient;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

std::vector<ResizeTap> interpolating_taps(const ResizeMode& mode, const ResizeAxis& axis, double x) {
    const double stretch = mode.antialias ? std::min(1.0, axis.scale) : 1;
    const double radius = (mode.kind == ResizeMode::Kind::linear ? 1 : 2) / stretch;
    std::vector<ResizeTap> taps;
    double sum = 0;
    const auto add = [&](bool exclude_outside) {
        for (auto i = static_cast<std::int64_t>(std::ceil(x - radius)); static_cast<double>(i) <= x + radius; ++i) {
            const double weight = kernel(mode, (static_cast<double>(i) - x) * stretch);
            if (weight == 0 || (exclude_outside && (i < 0 || i >= axis.input))) continue;
            taps.push_back({std::clamp<std::int64_t>(i, 0, axis.input - 1), weight});
            sum += weight;
        }
    };
    add(mode.exclude_outside);
    if (taps.empty()) add(false);
    for (ResizeTap& tap : taps) tap.weight /= sum;
    return taps;
}

}  // namespace

ResizeMode resize_mode(const NodeView& node) {
    ResizeMode mode{};
    mode.kind = static_cast<ResizeMode::Kind>(choice(node, "mode", "nearest", {"nearest", "linear", "cubic"}));
    mode.coordinates =
        static_cast<ResizeMode::Coordinates>(choice(node, "coordinate_transformation_mode", "half_pixel",
                                                    {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                                     "align_corners", "asymmetric", "tf_crop_and_resize"}));
    mode.nearest = static_cast<ResizeMode::Nearest>(choice(
        node, "nearest_mode", "round_prefer_floor", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}));
    mode.aspect = static_cast<ResizeMode::Aspect>(
        choice(node, "keep_aspect_ratio_policy", "stretch", {"stretch", "not_larger", "not_smaller"}));
    mode.antialias = node.integer("antialias", 0) != 0;
    mode.exclude_outside = node.integer("exclude_outside", 0) != 0;
    mode.cubic_coefficient = node.number("cubic_coeff_a", -0.75f);
    mode.extrapolation_value = node.number("extrapolation_value", 0);
    return mode;
}

std::vector<std::size_t> resize_axes(const NodeView& node, std::size_t rank) {
    const std::vector<std::int64_t> axes = node.integers("axes");
    return distinct_axes(node, axes.empty() ? first_axes(rank) : axes, rank, "attribute \"axes\"");
}

double resize_aspect_scale(ResizeMode::Aspect aspect, const Shape& input, const Shape& sizes) {
    double scale = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const double own = static_cast<double>(sizes[i]) / static_cast<double>(std::max<std::int64_t>(input[i], 1));
        if (i == 0) scale = own;
        scale = aspect == ResizeMode::Aspect::not_larger ? std::min(scale, own) : std::max(scale, own);
    }
    return scale;
}

std::int64_t resize_length(const NodeView& node, std::int64_t input, float scale, double start, double end) {
    node.require(std::isfinite(scale) && scale > 0,
                 "input \"scales\": expected positive numbers, found " + std::to_string(scale));
    const float length = std::floor(static_cast<float>(input) * static_cast<float>(end - start) * scale);
    node.require(length >= 0 && length < static_cast<float>(base::limits::kMaxElements),
                 "the scale " + std::to_string(scale) + " makes an axis of " + std::to_string(input) +
                     " impossibly long or short");
    return static_cast<std::int64_t>(length);
}

std::optional<std::vector<ResizeTap>> resize_taps(const ResizeMode& mode, const ResizeAxis& axis, std::int64_t place) {
    const bool nearest = mode.kind == ResizeMode::Kind::nearest;
    const double x = nearest && axis.single_precision
                         ? static_cast<double>(coordinate<float>(mode, axis, static_cast<float>(place)))
                         : coordinate<double>(mode, axis, static_cast<double>(place));
    const auto last = static_cast<double>(axis.input - 1);
    if (mode.coordinates == ResizeMode::Coordinates::tf_crop_and_resize && !(x >= 0 && x <= last)) return std::nullopt;
    if (nearest)
        return std::vector<ResizeTap>{
            {static_cast<std::int64_t>(std::clamp(round_nearest(mode.nearest, x), 0.0, last)), 1}};
    return interpolating_taps(mode, axis, x);
}

}  // namespace fovea::ops
