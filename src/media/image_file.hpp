#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/image.hpp"

namespace fovea::media {

/// How a decoded picture is handed out, and what it may cost.
struct DecodeOptions {
    int channels = 3;                       ///< 1, 3 or 4, or 0: as the file has it
    bool apply_orientation = true;          ///< turn and mirror a JPEG as its EXIF orientation says
    std::int64_t max_pixels = 100'000'000;  ///< larger pictures are refused before anything is allocated
};

/// Decodes a PNG or JPEG (told apart by their first bytes) to the pixels that Pillow gives for it. 16-bit samples keep
/// their high byte, palettes and CMYK become RGB. Throws `unsupported` for other formats, `io` for broken or truncated
/// data, `out_of_range` beyond `max_pixels`.
Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& options = {});

/// `decode_image` of a file; errors name it.
Image read_image(const std::filesystem::path& path, const DecodeOptions& options = {});

/// Encodes as PNG (1, 3 or 4 channels).
std::vector<std::byte> encode_png(const Image& image);

/// Encodes as baseline JPEG with 4:2:0 chroma (1 or 3 channels); `quality` is 1 to 100.
std::vector<std::byte> encode_jpeg(const Image& image, int quality = 90);

/// Writes the format that the extension names (.png, .jpg, .jpeg; `invalid_argument` for others), atomically.
void write_image(const std::filesystem::path& path, const Image& image);

}  // namespace fovea::media
