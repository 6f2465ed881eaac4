#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/image.hpp"
#include "vision/detection.hpp"

namespace fovea::vision {

/// RGB; grey images take its first value, RGBA images become opaque where something is drawn.
using Color = std::array<std::uint8_t, 3>;

/// Everything is cut at the image's borders; coordinates are rounded to whole pixels.

/// The outline of `box`, `thickness` pixels wide, growing inwards.
void draw_box(Image& image, const Box& box, Color color, int thickness = 2);

/// A filled box.
void fill_box(Image& image, const Box& box, Color color);

/// A filled disc.
void draw_point(Image& image, Point center, int radius, Color color);

/// ASCII text in a font of 5×7 pixels (6 wide with the gap), enlarged `scale` times; (x, y) is the top left corner.
/// Other characters become '?'.
void draw_text(Image& image, std::int64_t x, std::int64_t y, const std::string& text, Color color, int scale = 1);

/// Size in pixels of `draw_text`'s result, without the last gap.
std::int64_t text_width(const std::string& text, int scale);
std::int64_t text_height(int scale);

/// Boxes, landmarks, and "label score" on a plate above each box; sizes follow the image's, colours the label.
void draw_detections(Image& image, const std::vector<Detection>& detections, const std::vector<std::string>& labels);

}  // namespace fovea::vision
