#pragma once

#include "base/image.hpp"

/// The resizers behind `resize`, one file per library. Sizes are positive and differ from the image's.
namespace fovea::vision {

enum class PillowFilter { box, bilinear, bicubic, lanczos };

Image resize_pillow(const Image& image, std::int64_t width, std::int64_t height, PillowFilter filter);
Image resize_pillow_nearest(const Image& image, std::int64_t width, std::int64_t height);

Image resize_opencv_nearest(const Image& image, std::int64_t width, std::int64_t height);
Image resize_opencv_linear(const Image& image, std::int64_t width, std::int64_t height);
Image resize_opencv_area(const Image& image, std::int64_t width, std::int64_t height);

/// Copies the pixel at (columns[x], rows[y]) to each (x, y).
Image gather(const Image& image, const std::vector<std::int64_t>& columns, const std::vector<std::int64_t>& rows);

}  // namespace fovea::vision
