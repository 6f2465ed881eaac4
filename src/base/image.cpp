#include "base/image.hpp"

#include <string>

#include "fovea/error.hpp"

namespace fovea::base {
namespace {

std::uint8_t luma(const std::uint8_t* rgb) {
    return static_cast<std::uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

}  // namespace

Image convert_channels(const Image& image, std::int64_t channels) {
    if (channels != 1 && channels != 3 && channels != 4)
        throw Error(ErrorCode::invalid_argument, "an image has 1, 3 or 4 channels, not " + std::to_string(channels));
    if (channels == image.channels) return image;
    Image result(image.width, image.height, channels);
    const std::uint8_t* in = image.pixels.data();
    for (std::int64_t i = 0; i < image.width * image.height; ++i, in += image.channels) {
        std::uint8_t* out = result.pixels.data() + i * channels;
        if (channels == 1) {
            out[0] = luma(in);
        } else {
            for (int c = 0; c < 3; ++c) out[c] = in[image.channels == 1 ? 0 : c];
            if (channels == 4) out[3] = 255;
        }
    }
    return result;
}

}  // namespace fovea::base
