#include <algorithm>
#include <cstring>

#include "media/codec.hpp"

namespace fovea::media {
namespace {

/// Bounds-checked integers of a TIFF block in its own byte order; reads beyond the end give 0.
struct Tiff {
    std::span<const std::uint8_t> bytes;
    bool little = false;

    [[nodiscard]] std::uint32_t read(std::size_t offset, std::size_t count) const {
        if (offset > bytes.size() || bytes.size() - offset < count) return 0;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[offset + (little ? count - 1 - i : i)];
        return value;
    }
};

constexpr std::uint32_t kOrientationTag = 0x0112, kShortType = 3;

}  // namespace

int exif_orientation(std::span<const std::uint8_t> app1) {
    constexpr std::uint8_t kSignature[] = {'E', 'x', 'i', 'f', 0, 0};
    if (app1.size() < 14 || std::memcmp(app1.data(), kSignature, sizeof kSignature) != 0) return 1;
    const auto block = app1.subspan(sizeof kSignature);
    const Tiff tiff{block, block[0] == 'I'};
    const std::size_t directory = tiff.read(4, 4);
    const std::uint32_t count = tiff.read(directory, 2);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t entry = directory + 2 + std::size_t{12} * i;
        if (entry + 12 > block.size()) return 1;
        if (tiff.read(entry, 2) != kOrientationTag || tiff.read(entry + 2, 2) != kShortType) continue;
        const std::uint32_t value = tiff.read(entry + 8, 2);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

Image upright(Image image, int orientation) {
    if (orientation <= 1 || orientation > 8) return image;
    const bool transpose = orientation >= 5;
    const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const std::int64_t width = transpose ? image.height : image.width, height = transpose ? image.width : image.height;
    Image result(width, height, image.channels);
    for (std::int64_t y = 0; y < height; ++y) {
        std::uint8_t* out = result.row(y);
        for (std::int64_t x = 0; x < width; ++x, out += image.channels) {
            std::int64_t source_x = transpose ? y : x, source_y = transpose ? x : y;
            if (flip_x) source_x = image.width - 1 - source_x;
            if (flip_y) source_y = image.height - 1 - source_y;
            std::copy_n(image.row(source_y) + source_x * image.channels, image.channels, out);
        }
    }
    return result;
}

}  // namespace fovea::media
