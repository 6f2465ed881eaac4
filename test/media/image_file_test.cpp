#include "media/image_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/file.hpp"
#include "fovea/error.hpp"

namespace fovea::media {
namespace {

const std::filesystem::path kData = FOVEA_TEST_DATA;

std::vector<std::byte> bytes_of(const std::string& name) {
    const base::MappedFile file = base::map_file(kData / name);
    return {file.bytes.begin(), file.bytes.end()};
}

/// The code of the error that decoding throws; nothing when it succeeds.
std::optional<ErrorCode> decoding_error(std::span<const std::byte> bytes, const DecodeOptions& options = {}) {
    try {
        (void)decode_image(bytes, options);
        return std::nullopt;
    } catch (const Error& error) {
        return error.code();
    }
}

Image gradient(std::int64_t width, std::int64_t height, std::int64_t channels) {
    Image image(width, height, channels);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            for (std::int64_t c = 0; c < channels; ++c)
                image.row(y)[x * channels + c] = static_cast<std::uint8_t>(x * 3 + y * 2 + c * 40);
    return image;
}

class PillowPixels : public testing::TestWithParam<const char*> {};

TEST_P(PillowPixels, AreDecoded) {
    DecodeOptions as_stored;
    as_stored.channels = 0;
    const std::string name = GetParam();
    const Image image = read_image(kData / name, as_stored);
    const std::vector<std::byte> expected = bytes_of(name + ".raw");
    ASSERT_EQ(image.pixels.size(), expected.size());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), image.pixels.begin(),
                           [](std::byte a, std::uint8_t b) { return a == std::byte{b}; }));
}

INSTANTIATE_TEST_SUITE_P(Files, PillowPixels,
                         testing::Values("rgb.png", "grey.png", "rgba.png", "palette.png", "bits1.png",
                                         "grey16_interlaced.png", "420.jpg", "444_progressive.jpg", "grey.jpg",
                                         "cmyk.jpg", "turned2.jpg", "turned3.jpg", "turned4.jpg", "turned5.jpg",
                                         "turned6.jpg", "turned7.jpg", "turned8.jpg"));

TEST(DecodeImage, LeavesOrientationWhenAsked) {
    DecodeOptions options;
    options.apply_orientation = false;
    EXPECT_EQ(read_image(kData / "turned6.jpg", options).width, 45);
    EXPECT_EQ(read_image(kData / "turned6.jpg").width, 30);
}

TEST(DecodeImage, ConvertsChannels) {
    const Image grey = read_image(kData / "grey.png");
    EXPECT_EQ(grey.channels, 3);
    EXPECT_EQ(grey.pixels[0], grey.pixels[2]);
    const Image rgba = base::convert_channels(grey, 4);
    EXPECT_EQ(rgba.pixels[3], 255);
    EXPECT_EQ(base::convert_channels(rgba, 1).pixels, base::convert_channels(grey, 1).pixels);
    EXPECT_THROW((void)base::convert_channels(grey, 2), Error);
}

TEST(DecodeImage, RefusesOtherFormats) {
    const std::vector<std::byte> text(100, std::byte{'x'});
    EXPECT_EQ(decoding_error(text), ErrorCode::unsupported);
    EXPECT_EQ(decoding_error({}), ErrorCode::unsupported);
}

TEST(DecodeImage, RefusesEveryTruncation) {
    for (const char* name : {"rgb.png", "420.jpg", "444_progressive.jpg"}) {
        const std::vector<std::byte> bytes = bytes_of(name);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_TRUE(decoding_error(std::span(bytes).first(size))) << name << " cut to " << size;
    }
}

TEST(DecodeImage, SurvivesFlippedBytes) {
    std::mt19937 random(1);
    int refused = 0;
    for (const char* name : {"rgba.png", "420.jpg", "444_progressive.jpg", "turned5.jpg"}) {
        const std::vector<std::byte> good = bytes_of(name);
        for (int round = 0; round < 300; ++round) {
            std::vector<std::byte> bad = good;
            for (int i = 0; i < 3; ++i) bad[random() % bad.size()] = static_cast<std::byte>(random());
            refused += decoding_error(bad).has_value();
        }
    }
    EXPECT_GT(refused, 300);
}

TEST(DecodeImage, RefusesSizesThatTheFileCannotHold) {
    std::vector<std::byte> jpeg = bytes_of("420.jpg");
    std::size_t frame = 2;  // the segment after the start-of-image marker
    while (jpeg[frame + 1] != std::byte{0xC0})
        frame +=
            2 + (std::to_integer<std::size_t>(jpeg[frame + 2]) << 8) + std::to_integer<std::size_t>(jpeg[frame + 3]);
    for (std::size_t i = 5; i < 9; ++i) jpeg[frame + i] = std::byte{0xF0};
    EXPECT_EQ(decoding_error(jpeg), ErrorCode::out_of_range);
    for (std::size_t i : {5, 7}) jpeg[frame + i] = std::byte{0x20};
    EXPECT_EQ(decoding_error(jpeg), ErrorCode::io);

    const std::vector<std::byte> png = encode_png(Image(4000, 4000, 1));
    EXPECT_FALSE(decoding_error(png));
    EXPECT_EQ(decoding_error(std::span(png).first(100)), ErrorCode::io);
    DecodeOptions small;
    small.max_pixels = 1000;
    EXPECT_EQ(decoding_error(png, small), ErrorCode::out_of_range);
}

TEST(EncodePng, RoundTrips) {
    for (const std::int64_t channels : {1, 3, 4}) {
        const Image image = gradient(19, 7, channels);
        DecodeOptions as_stored;
        as_stored.channels = 0;
        const Image back = decode_image(encode_png(image), as_stored);
        EXPECT_EQ(back.channels, channels);
        EXPECT_EQ(back.pixels, image.pixels);
    }
}

TEST(EncodeJpeg, IsCloseToTheOriginal) {
    for (const std::int64_t channels : {1, 3}) {
        const Image image = gradient(40, 24, channels);
        DecodeOptions as_stored;
        as_stored.channels = 0;
        const Image back = decode_image(encode_jpeg(image, 95), as_stored);
        ASSERT_EQ(back.pixels.size(), image.pixels.size());
        double sum = 0;
        for (std::size_t i = 0; i < back.pixels.size(); ++i) sum += std::abs(back.pixels[i] - image.pixels[i]);
        EXPECT_LT(sum / static_cast<double>(back.pixels.size()), 2.0);
    }
    EXPECT_THROW((void)encode_jpeg(gradient(4, 4, 4)), Error);
    EXPECT_THROW((void)encode_jpeg(gradient(4, 4, 3), 0), Error);
}

TEST(WriteImage, ChoosesByExtension) {
    const auto folder = std::filesystem::path(testing::TempDir());
    const Image image = gradient(8, 8, 3);
    write_image(folder / "a.PNG", image);
    EXPECT_EQ(read_image(folder / "a.PNG").pixels, image.pixels);
    write_image(folder / "a.jpeg", image);
    EXPECT_EQ(read_image(folder / "a.jpeg").width, 8);
    try {
        write_image(folder / "a.bmp", image);
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("a.bmp"), std::string::npos);
    }
}

TEST(ReadImage, NamesTheFile) {
    try {
        (void)read_image(kData / "rgb.png.raw");
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("rgb.png.raw"), std::string::npos);
    }
}

}  // namespace
}  // namespace fovea::media
