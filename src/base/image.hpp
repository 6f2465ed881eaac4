#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fovea {

/// Interleaved 8-bit pixels, row-major without padding: 1 channel (grey), 3 (RGB) or 4 (RGBA).
struct Image {
    Image() = default;
    /// All pixels zero.
    Image(std::int64_t w, std::int64_t h, std::int64_t c)
        : width(w), height(h), channels(c), pixels(static_cast<std::size_t>(w * h * c)) {}

    [[nodiscard]] const std::uint8_t* row(std::int64_t y) const { return pixels.data() + y * width * channels; }
    [[nodiscard]] std::uint8_t* row(std::int64_t y) { return pixels.data() + y * width * channels; }

    std::int64_t width = 0, height = 0, channels = 0;
    std::vector<std::uint8_t> pixels;
};

namespace base {

/// The same picture with 1, 3 or 4 channels: grey is repeated, colour becomes grey by ITU-R 601 luma in the 16-bit
/// fixed point that Pillow uses, alpha is dropped or becomes opaque. Throws `invalid_argument` for other channel
/// counts.
Image convert_channels(const Image& image, std::int64_t channels);

}  // namespace base
}  // namespace fovea
