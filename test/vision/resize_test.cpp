#include "vision/resize.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "fovea/error.hpp"

namespace fovea::vision {
namespace {

/// The image that make_data.py resizes.
Image noise(std::int64_t width, std::int64_t height, std::int64_t channels) {
    Image image(width, height, channels);
    std::uint32_t state = 1;
    for (std::uint8_t& pixel : image.pixels) {
        state = state * 1664525u + 1013904223u;
        pixel = static_cast<std::uint8_t>(state >> 24);
    }
    return image;
}

std::string hexadecimal(const std::vector<std::uint8_t>& bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) text += {kDigits[byte >> 4], kDigits[byte & 15]};
    return text;
}

TEST(Resize, EqualsPillowAndOpenCv) {
    std::ifstream file(FOVEA_TEST_DATA "/resize.txt");
    int cases = 0;
    for (std::string line; std::getline(file, line); ++cases) {
        std::istringstream fields(line);
        std::string rule, expected;
        std::int64_t channels = 0, width = 0, height = 0, new_width = 0, new_height = 0;
        fields >> rule >> channels >> width >> height >> new_width >> new_height >> expected;
        // Pillow 13 would take the other order of passes where width grows and height shrinks; these rules do not.
        const Image result =
            resize(noise(width, height, channels), new_width, new_height, resize_rule_from_string(rule));
        EXPECT_EQ(hexadecimal(result.pixels), expected) << line.substr(0, 60);
    }
    EXPECT_EQ(cases, 160);
}

TEST(Resize, KeepsAnImageOfTheRightSize) {
    const Image image = noise(5, 4, 3);
    EXPECT_EQ(resize(image, 5, 4, ResizeRule::pillow_lanczos).pixels, image.pixels);
}

TEST(Resize, RefusesEmptySizes) {
    EXPECT_THROW((void)resize(noise(5, 4, 3), 0, 4, ResizeRule::opencv_area), Error);
    EXPECT_THROW((void)resize(Image{}, 4, 4, ResizeRule::opencv_area), Error);
}

TEST(ResizeRule, NamesRoundTrip) {
    EXPECT_EQ(to_string(ResizeRule::pillow_bicubic), "pillow_bicubic");
    EXPECT_EQ(resize_rule_from_string("opencv_area"), ResizeRule::opencv_area);
    EXPECT_THROW((void)resize_rule_from_string("bilinear"), Error);
}

}  // namespace
}  // namespace fovea::vision
