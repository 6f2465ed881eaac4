#pragma once

#include "media/image_file.hpp"

/// One decoder per file format; `image_file.cpp` chooses.
namespace fovea::media {

struct Decoded {
    Image image;          ///< 1, 3 or 4 channels, as the file has it
    int orientation = 1;  ///< EXIF orientation, 1 to 8
};

Decoded decode_png(std::span<const std::byte> bytes, std::int64_t max_pixels);
Decoded decode_jpeg(std::span<const std::byte> bytes, std::int64_t max_pixels);

/// Throws `out_of_range` when width × height exceeds `max_pixels`.
void require_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels);

/// The EXIF orientation (1 to 8) in the payload of a JPEG's APP1 segment; 1 where there is none or it is broken.
/// Source: CIPA DC-008 (Exif 2.3), tag 274.
int exif_orientation(std::span<const std::uint8_t> app1);

/// Turns and mirrors `image` so that EXIF orientation `orientation` becomes 1.
Image upright(Image image, int orientation);

}  // namespace fovea::media
