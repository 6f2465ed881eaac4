#include "vision/draw.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "vision/font.hpp"

namespace fovea::vision {
namespace {

constexpr Color kWhite = {255, 255, 255};

/// '#' where a grey image is lit.
std::string picture(const Image& image) {
    std::string text;
    for (std::int64_t y = 0; y < image.height; ++y) {
        for (std::int64_t x = 0; x < image.width; ++x) text += image.row(y)[x * image.channels] ? '#' : '.';
        text += '\n';
    }
    return text;
}

TEST(DrawBox, OutlinesInwards) {
    Image image(6, 5, 1);
    draw_box(image, {1, 0, 6, 4}, kWhite, 1);
    EXPECT_EQ(picture(image), ".#####\n.#...#\n.#...#\n.#####\n......\n");
}

TEST(DrawBox, IsCutAtTheBorder) {
    Image image(4, 3, 1);
    draw_box(image, {-5, -5, 3, 2}, kWhite, 1);
    EXPECT_EQ(picture(image), "..#.\n###.\n....\n");
    draw_box(image, {1e30f, -1e30f, -1e30f, 1e30f}, kWhite, 1);
    EXPECT_EQ(picture(image), "..#.\n###.\n....\n");
}

TEST(DrawPoint, IsADisc) {
    Image image(5, 5, 1);
    draw_point(image, {2, 2}, 2, kWhite);
    EXPECT_EQ(picture(image), "..#..\n.###.\n#####\n.###.\n..#..\n");
}

TEST(DrawText, WritesGlyphs) {
    Image image(12, 7, 1);
    draw_text(image, 0, 0, "L1", kWhite);
    EXPECT_EQ(picture(image),
              "#.......#...\n#......##...\n#.......#...\n#.......#...\n#.......#...\n#.......#...\n#####..###..\n");
    EXPECT_EQ(text_width("L1", 2), 22);
    EXPECT_EQ(text_height(3), 21);
}

TEST(Glyph, IsThereForEveryCharacter) {
    for (char c = '!'; c <= '~'; ++c) {
        const Glyph& columns = glyph(c);
        EXPECT_TRUE(std::any_of(columns.begin(), columns.end(), [](std::uint8_t v) { return v != 0; })) << c;
        EXPECT_TRUE(std::all_of(columns.begin(), columns.end(), [](std::uint8_t v) { return v < 128; })) << c;
        for (char other = '!'; other < c; ++other) EXPECT_NE(glyph(other), columns) << c << other;
    }
    EXPECT_EQ(glyph('\xE4'), glyph('?'));
    EXPECT_EQ(glyph('\n'), glyph('?'));
}

TEST(DrawDetections, MarksBoxLandmarksAndCaption) {
    Image image(200, 100, 4);
    draw_detections(image, {{{50, 40, 120, 90}, 0.87f, 0, {{80, 60}}}}, {"face"});
    const auto lit = [&](std::int64_t x, std::int64_t y) { return image.row(y)[x * 4 + 3] == 255; };
    EXPECT_TRUE(lit(50, 60));
    EXPECT_TRUE(lit(80, 60));
    EXPECT_TRUE(lit(55, 35));
    EXPECT_FALSE(lit(100, 70));
    EXPECT_FALSE(lit(10, 10));
}

TEST(DrawDetections, LeavesOutCaptionsThatWouldCoverBetterOnes) {
    const std::vector<Detection> both = {{{50, 40, 120, 90}, 0.9f, 0, {}}, {{55, 42, 130, 95}, 0.8f, 1, {}}};
    Image first(200, 100, 3), together(200, 100, 3);
    draw_detections(first, {both[0]}, {"face", "cat"});
    draw_detections(together, both, {"face", "cat"});
    for (std::int64_t y = 0; y < 40; ++y)
        for (std::int64_t x = 0; x < 200 * 3; ++x) ASSERT_EQ(together.row(y)[x], first.row(y)[x]) << x / 3 << ", " << y;
    EXPECT_NE(together.row(60)[129 * 3], first.row(60)[129 * 3]);
    for (std::int64_t x = 50 * 3; x < 52 * 3; ++x) EXPECT_EQ(together.row(60)[x], first.row(60)[x]);
}

}  // namespace
}  // namespace fovea::vision
