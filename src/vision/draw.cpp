#include "vision/draw.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "vision/font.hpp"

namespace fovea::vision {
namespace {

/// Whole pixels [x0, x1) × [y0, y1).
struct Area {
    std::int64_t x0, y0, x1, y1;
};

/// Coordinates far outside any image are brought near it, so that integer arithmetic stays safe.
std::int64_t to_pixel(float coordinate) {
    constexpr float kFar = 1e6f;
    return std::isnan(coordinate) ? 0 : std::lround(std::clamp(coordinate, -kFar, kFar));
}

bool overlap(const Area& a, const Area& b) { return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1; }

Area area_of(const Box& box) { return {to_pixel(box.x1), to_pixel(box.y1), to_pixel(box.x2), to_pixel(box.y2)}; }

void fill(Image& image, Area area, Color color) {
    area = {std::max<std::int64_t>(0, area.x0), std::max<std::int64_t>(0, area.y0), std::min(image.width, area.x1),
            std::min(image.height, area.y1)};
    const std::array<std::uint8_t, 4> pixel = {color[0], color[1], color[2], 255};
    for (std::int64_t y = area.y0; y < area.y1; ++y) {
        std::uint8_t* out = image.row(y) + area.x0 * image.channels;
        for (std::int64_t x = area.x0; x < area.x1; ++x) out = std::copy_n(pixel.begin(), image.channels, out);
    }
}

Color color_of(std::int64_t label) {
    constexpr std::array<Color, 6> kColors = {
        {{0, 200, 83}, {255, 145, 0}, {41, 121, 255}, {213, 0, 249}, {255, 23, 68}, {0, 184, 212}}};
    return kColors[static_cast<std::size_t>(label) % kColors.size()];
}

std::string caption(const Detection& detection, const std::vector<std::string>& labels) {
    std::array<char, 16> score{};
    std::snprintf(score.data(), score.size(), "%.2f", static_cast<double>(detection.score));
    const auto index = static_cast<std::size_t>(detection.label);
    return (index < labels.size() ? labels[index] : std::to_string(detection.label)) + " " + score.data();
}

}  // namespace

void fill_box(Image& image, const Box& box, Color color) { fill(image, area_of(box), color); }

void draw_box(Image& image, const Box& box, Color color, int thickness) {
    const Area a = area_of(box);
    const std::int64_t t = std::max<std::int64_t>(0, std::min({std::int64_t{thickness}, a.x1 - a.x0, a.y1 - a.y0}));
    fill(image, {a.x0, a.y0, a.x1, a.y0 + t}, color);
    fill(image, {a.x0, a.y1 - t, a.x1, a.y1}, color);
    fill(image, {a.x0, a.y0, a.x0 + t, a.y1}, color);
    fill(image, {a.x1 - t, a.y0, a.x1, a.y1}, color);
}

void draw_point(Image& image, Point center, int radius, Color color) {
    const std::int64_t x = to_pixel(center.x), y = to_pixel(center.y);
    for (std::int64_t dy = -radius; dy <= radius; ++dy) {
        const auto reach = static_cast<std::int64_t>(std::sqrt(static_cast<double>(radius * radius - dy * dy)));
        fill(image, {x - reach, y + dy, x + reach + 1, y + dy + 1}, color);
    }
}

void draw_text(Image& image, std::int64_t x, std::int64_t y, const std::string& text, Color color, int scale) {
    for (const char character : text) {
        const Glyph& columns = glyph(character);
        for (int column = 0; column < kGlyphWidth; ++column)
            for (int row = 0; row < kGlyphHeight; ++row)
                if (columns[static_cast<std::size_t>(column)] >> row & 1)
                    fill(image, {x + column * scale, y + row * scale, x + (column + 1) * scale, y + (row + 1) * scale},
                         color);
        x += (kGlyphWidth + 1) * scale;
    }
}

std::int64_t text_width(const std::string& text, int scale) {
    return text.empty() ? 0 : (static_cast<std::int64_t>(text.size()) * (kGlyphWidth + 1) - 1) * scale;
}

std::int64_t text_height(int scale) { return std::int64_t{kGlyphHeight} * scale; }

void draw_detections(Image& image, const std::vector<Detection>& detections, const std::vector<std::string>& labels) {
    constexpr Color kText = {255, 255, 255};
    const int unit = std::max(1, static_cast<int>((std::min(image.width, image.height) + 150) / 300));
    for (auto detection = detections.rbegin(); detection != detections.rend(); ++detection) {
        const Color color = color_of(detection->label);
        draw_box(image, detection->box, color, unit + 1);
        for (const Point& point : detection->landmarks) draw_point(image, point, unit + 1, color);
    }
    std::vector<Area> plates;
    for (const Detection& detection : detections) {
        const std::string text = caption(detection, labels);
        const std::int64_t margin = 2 * unit, height = text_height(unit) + 2 * margin;
        const std::int64_t left = to_pixel(detection.box.x1), top = to_pixel(detection.box.y1);
        const std::int64_t plate_top = top >= height ? top - height : top;
        const Area plate{left, plate_top, left + text_width(text, unit) + 2 * margin, plate_top + height};
        if (std::any_of(plates.begin(), plates.end(), [&](const Area& other) { return overlap(plate, other); }))
            continue;
        plates.push_back(plate);
        fill(image, plate, color_of(detection.label));
        draw_text(image, left + margin, plate_top + margin, text, kText, unit);
    }
}

}  // namespace fovea::vision
