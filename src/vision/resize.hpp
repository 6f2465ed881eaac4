#pragma once

#include <string_view>

#include "base/image.hpp"

namespace fovea::vision {

/// The resizing that a network was trained with. Libraries disagree on the pixels that "bilinear" gives, so each rule
/// names its library; results equal that library's, bit for bit, for 8-bit images of 1 and 3 channels. Pillow resizes
/// rows, then columns; its version 13 swaps the two where that is cheaper (a picture that grows in width and shrinks in
/// height), which these rules do not follow.
enum class ResizeRule {
    pillow_nearest,
    pillow_box,
    pillow_bilinear,  ///< widens the filter when it shrinks (antialiasing); torchvision uses it on PIL images
    pillow_bicubic,
    pillow_lanczos,
    opencv_nearest,
    opencv_linear,  ///< two taps whatever the scale, in 11-bit fixed point
    opencv_area,
};

/// Lower-case name as contracts write it, e.g. "pillow_bilinear".
std::string_view to_string(ResizeRule rule);

/// Inverse of `to_string`; throws `invalid_argument` listing the names.
ResizeRule resize_rule_from_string(std::string_view name);

/// `image` at `width` × `height`. Channels are resized independently. Throws `invalid_argument` for empty sizes.
Image resize(const Image& image, std::int64_t width, std::int64_t height, ResizeRule rule);

}  // namespace fovea::vision
