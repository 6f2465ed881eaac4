#pragma once

#include <string>
#include <vector>

#include "base/image.hpp"
#include "base/tensor.hpp"
#include "vision/color.hpp"
#include "vision/decode.hpp"

namespace fovea::vision {

/// Everything is cut at the image's borders; coordinates are rounded to whole pixels. Grey images take a colour's first
/// value, RGBA images become opaque where something is drawn.

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

/// Boxes, landmarks, and "label score" on a plate above each box; sizes follow the image's, colours the label. Earlier
/// detections lie on later ones, and a plate that would touch an earlier one's is left out.
void draw_detections(Image& image, const std::vector<Detection>& detections, const std::vector<std::string>& labels);

/// Lays each label's colour over the RGB image, `opacity` of it; `labels` is u8 [height, width] of the image, `kUnseen`
/// is left as it is, and labels beyond the palette, which holds at least one colour, start it again.
void draw_labels(Image& image, const Tensor& labels, const std::vector<Color>& palette, float opacity);

/// Paints the RGB image over with depth, f32 [height, width] in metres: near pixels bright, far ones dark, evenly in
/// the logarithm, black where there is none; and a scale of metres at the right border. The scale ends at the lengths
/// of the series 1, 2, 5, 10, ... m around the middle 98 % of the values.
void draw_depth(Image& image, const Tensor& depth);

/// What was found in `image`: boxes, coloured classes, depth, as the contract's outputs say. Several tasks give one
/// picture below the other.
Image illustrate(const Image& image, const std::vector<OutputContract>& contracts, const Findings& findings);

}  // namespace fovea::vision
