#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/shape.hpp"
#include "fovea/error.hpp"
#include "vision/draw.hpp"

namespace fovea::vision {
namespace {

constexpr float kLabelOpacity = 0.6f;

void require_size(const Image& image, const Tensor& map, std::int64_t channels) {
    if (image.channels == channels && map.shape() == Shape{image.height, image.width}) return;
    throw Error(ErrorCode::invalid_argument, "cannot draw a map of " + base::to_string(map.shape()) +
                                                 " on an image of " +
                                                 base::to_string(Shape{image.height, image.width, image.channels}));
}

/// The largest length of the series 1, 2, 5, 10, 20, ... (and 0.5, 0.2, ...) that is at most `metres`, times 1 or, for
/// `up`, the smallest that is at least `metres`.
float round_length(float metres, bool up) {
    const float decade = std::pow(10.0f, std::floor(std::log10(metres)));
    constexpr std::array kSteps = {1.0f, 2.0f, 5.0f, 10.0f};
    float below = decade;
    for (const float step : kSteps) {
        const float length = step * decade;
        if (up && length >= metres * 0.9999f) return length;
        if (length <= metres * 1.0001f) below = length;
    }
    return below;
}

/// Ends of the colour scale.
struct Scale {
    float nearest, farthest;

    [[nodiscard]] Color color(float metres) const {
        if (!(metres > 0.0f)) return {0, 0, 0};
        return viridis(1.0f - std::log(metres / nearest) / std::log(farthest / nearest));
    }
};

Scale scale_for(const Tensor& depth) {
    std::vector<float> metres;
    for (const float value : depth.as<float>())
        if (value > 0.0f && std::isfinite(value)) metres.push_back(value);
    if (metres.empty()) return {1.0f, 10.0f};
    const auto rank = [&](double fraction) {
        const auto place = metres.begin() + std::lround(fraction * static_cast<double>(metres.size() - 1));
        std::nth_element(metres.begin(), place, metres.end());
        return *place;
    };
    const float nearest = round_length(rank(0.01), false), farthest = round_length(rank(0.99), true);
    return {nearest, std::max(farthest, 2.0f * nearest)};
}

std::string length_text(float metres) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%g m", static_cast<double>(metres));
    return text.data();
}

/// A bar of the colours at the right border, near below, with a length at each step of the series that has room.
void draw_scale(Image& image, const Scale& scale) {
    constexpr Color kPlate = {0, 0, 0}, kText = {255, 255, 255};
    const int unit = std::max(1, static_cast<int>((std::min(image.width, image.height) + 150) / 300));
    const std::int64_t margin = 3 * unit, bar = 6 * unit, line = text_height(unit);
    const std::int64_t text = text_width("0000 m", unit), plate = margin + text + margin + bar + margin;
    const std::int64_t top = margin + line / 2, height = image.height - 2 * top;
    if (plate > image.width / 2 || height < 4 * line) return;

    const auto left = static_cast<float>(image.width - plate);
    fill_box(image, {left, 0, static_cast<float>(image.width), static_cast<float>(image.height)}, kPlate);
    const double span = std::log(static_cast<double>(scale.farthest / scale.nearest));
    const std::int64_t bar_left = image.width - margin - bar;
    for (std::int64_t y = 0; y < height; ++y) {
        const double part = (static_cast<double>(y) + 0.5) / static_cast<double>(height);
        const auto row = static_cast<float>(top + y);
        fill_box(image, {static_cast<float>(bar_left), row, static_cast<float>(bar_left + bar), row + 1},
                 viridis(static_cast<float>(part)));
    }
    std::int64_t free_below = -line;
    for (float metres = scale.farthest; metres >= scale.nearest * 0.999f; metres = round_length(metres * 0.9f, false)) {
        const double part = std::log(static_cast<double>(scale.farthest / metres)) / span;
        const std::int64_t y = top + std::lround(part * static_cast<double>(height)) - line / 2;
        if (y < free_below) continue;
        const std::string label = length_text(metres);
        draw_text(image, bar_left - margin - text_width(label, unit), y, label, kText, unit);
        free_below = y + line + 2 * unit;
    }
}

/// `below` under `above`, which is empty at first.
void append(Image& above, const Image& below) {
    if (above.pixels.empty()) {
        above = below;
        return;
    }
    above.pixels.insert(above.pixels.end(), below.pixels.begin(), below.pixels.end());
    above.height += below.height;
}

Image illustrate_one(const Image& image, const OutputContract& contract, const Findings& findings) {
    Image picture = image;
    switch (task_of(contract.decoder)) {
        case Task::detection: draw_detections(picture, *findings.detections, contract.labels); break;
        case Task::segmentation:
            draw_labels(picture, *findings.labels, contract.palette.empty() ? cityscapes_palette() : contract.palette,
                        kLabelOpacity);
            break;
        case Task::depth: draw_depth(picture, *findings.depth); break;
    }
    return picture;
}

}  // namespace

void draw_labels(Image& image, const Tensor& labels, const std::vector<Color>& palette, float opacity) {
    require_size(image, labels, 3);
    const auto classes = labels.as<std::uint8_t>();
    std::uint8_t* pixel = image.pixels.data();
    for (std::size_t i = 0; i < classes.size(); ++i, pixel += 3) {
        if (classes[i] == kUnseen) continue;
        const Color& color = palette[classes[i] % palette.size()];
        for (std::size_t c = 0; c < color.size(); ++c) {
            const float under = pixel[c], over = color[c];
            pixel[c] = static_cast<std::uint8_t>(std::lround(under + opacity * (over - under)));
        }
    }
}

void draw_depth(Image& image, const Tensor& depth) {
    require_size(image, depth, 3);
    const Scale scale = scale_for(depth);
    std::uint8_t* pixel = image.pixels.data();
    for (const float metres : depth.as<float>()) {
        const Color color = scale.color(metres);
        pixel = std::copy(color.begin(), color.end(), pixel);
    }
    draw_scale(image, scale);
}

Image illustrate(const Image& image, const std::vector<OutputContract>& contracts, const Findings& findings) {
    const Image rgb = base::convert_channels(image, 3);
    Image all;
    for (const OutputContract& contract : contracts) append(all, illustrate_one(rgb, contract, findings));
    return all.pixels.empty() ? rgb : all;
}

}  // namespace fovea::vision
