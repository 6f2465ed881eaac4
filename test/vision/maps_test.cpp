#include <gtest/gtest.h>

#include <cmath>

#include "fovea/error.hpp"
#include "vision/decode.hpp"
#include "vision/draw.hpp"

namespace fovea::vision {
namespace {

Placement stretched(std::int64_t width, std::int64_t height, std::int64_t image_width, std::int64_t image_height) {
    Placement placement;
    placement.scale_x = static_cast<double>(width) / static_cast<double>(image_width);
    placement.scale_y = static_cast<double>(height) / static_cast<double>(image_height);
    placement.width = width;
    placement.height = height;
    placement.image_width = image_width;
    placement.image_height = image_height;
    return placement;
}

OutputContract contract_of(Decoder decoder, const std::string& role, Upsample upsample = Upsample::bilinear) {
    OutputContract contract;
    contract.decoder = decoder;
    contract.tensors = {{role, "out"}};
    contract.upsample = upsample;
    return contract;
}

TEST(Depth, IsResizedBilinearly) {
    const Outputs outputs = {{"out", Tensor::from<float>({1, 1, 1, 2}, std::vector{10.0f, 20.0f})}};
    const Placement placement = stretched(8, 4, 4, 2);
    const auto smooth = decode({contract_of(Decoder::depth, "depth")}, outputs, placement).depth.value();
    ASSERT_EQ(smooth.shape(), (Shape{2, 4}));
    const auto metres = smooth.as<float>();
    EXPECT_EQ((std::vector<float>(metres.begin(), metres.begin() + 4)), (std::vector<float>{10, 12.5f, 17.5f, 20}));
    const auto blocks =
        decode({contract_of(Decoder::depth, "depth", Upsample::nearest)}, outputs, placement).depth.value();
    const auto steps = blocks.as<float>();
    EXPECT_EQ((std::vector<float>(steps.begin(), steps.begin() + 4)), (std::vector<float>{10, 10, 20, 20}));
}

TEST(Depth, ComesFromDisparity) {
    OutputContract contract = contract_of(Decoder::depth, "disparity");
    contract.min_depth = 2.0f;
    contract.max_depth = 50.0f;
    const Outputs outputs = {{"out", Tensor::from<float>({1, 1, 3}, std::vector{0.0f, 0.5f, 1.0f})}};
    const auto depth = decode({contract}, outputs, stretched(3, 1, 3, 1)).depth.value();
    EXPECT_FLOAT_EQ(depth.as<float>()[0], 50.0f);
    EXPECT_FLOAT_EQ(depth.as<float>()[1], 1.0f / (0.5f / 2.0f + 0.5f / 50.0f));
    EXPECT_FLOAT_EQ(depth.as<float>()[2], 2.0f);
}

TEST(Segmentation, TakesTheLargestAfterResizing) {
    // Three classes on a map of 1 x 2: the third is second on both cells and largest between them.
    const Outputs outputs = {
        {"out", Tensor::from<float>({1, 3, 1, 2}, std::vector{9.0f, 0.0f, 0.0f, 9.0f, 7.0f, 7.0f})}};
    const Placement placement = stretched(8, 4, 8, 1);
    const auto smooth = decode({contract_of(Decoder::segmentation, "logits")}, outputs, placement).labels.value();
    const auto labels = smooth.as<std::uint8_t>();
    EXPECT_EQ((std::vector<std::uint8_t>(labels.begin(), labels.end())),
              (std::vector<std::uint8_t>{0, 0, 0, 2, 2, 1, 1, 1}));
    const auto nearest =
        decode({contract_of(Decoder::segmentation, "logits", Upsample::nearest)}, outputs, placement).labels.value();
    const auto blocks = nearest.as<std::uint8_t>();
    EXPECT_EQ((std::vector<std::uint8_t>(blocks.begin(), blocks.end())),
              (std::vector<std::uint8_t>{0, 0, 0, 0, 1, 1, 1, 1}));
}

TEST(Segmentation, TakesClassNumbers) {
    const Outputs outputs = {{"out", Tensor::from<std::int64_t>({1, 1, 1, 3}, std::vector<std::int64_t>{18, -1, 300})}};
    const auto found = decode({contract_of(Decoder::segmentation, "labels")}, outputs, stretched(6, 2, 6, 1));
    const auto labels = found.labels->as<std::uint8_t>();
    EXPECT_EQ((std::vector<std::uint8_t>(labels.begin(), labels.end())),
              (std::vector<std::uint8_t>{18, 18, kUnseen, kUnseen, kUnseen, kUnseen}));
}

TEST(Segmentation, MarksWhatTheCropLeavesOut) {
    // An image of 8 x 2, of which the network sees columns 3 and 4.
    Placement placement = stretched(2, 2, 8, 2);
    placement.scale_x = placement.scale_y = 1;
    placement.offset_x = -3;
    const Outputs outputs = {{"out", Tensor::zeros(DType::f32, {1, 2, 1, 1})}};
    const auto labels = decode({contract_of(Decoder::segmentation, "logits")}, outputs, placement).labels.value();
    const auto row = labels.as<std::uint8_t>().first(8);
    EXPECT_EQ((std::vector<std::uint8_t>(row.begin(), row.end())),
              (std::vector<std::uint8_t>{255, 255, 255, 0, 0, 255, 255, 255}));
    const std::vector<ClassShare> shares = class_shares(labels);
    ASSERT_EQ(shares.size(), 1u);
    EXPECT_DOUBLE_EQ(shares[0].share, 0.25);
}

TEST(Maps, NameWhatDoesNotFit) {
    const auto refusal = [](const OutputContract& contract, const Tensor& output) {
        try {
            (void)decode({contract}, {{"out", output}}, stretched(2, 2, 2, 2));
            return std::string();
        } catch (const Error& error) {
            return std::string(error.what());
        }
    };
    OutputContract segmentation = contract_of(Decoder::segmentation, "logits");
    EXPECT_NE(refusal(segmentation, Tensor::zeros(DType::f32, {1, 256, 2, 2})).find("255 classes"), std::string::npos);
    segmentation.labels = {"road", "sky"};
    EXPECT_NE(refusal(segmentation, Tensor::zeros(DType::f32, {1, 3, 2, 2})).find("[N, 2, any, any]"),
              std::string::npos);
    const OutputContract depth = contract_of(Decoder::depth, "depth");
    EXPECT_NE(refusal(depth, Tensor::zeros(DType::f32, {1, 2, 4, 4})).find("[N, 1, h, w]"), std::string::npos);
    EXPECT_NE(refusal(depth, Tensor::zeros(DType::f32, {1, 1, 0, 4})).find("[N, 1, h, w]"), std::string::npos);
}

TEST(DepthRange, LeavesOutWhatHasNone) {
    const DepthRange range = depth_range(Tensor::from<float>({1, 5}, std::vector{0.0f, 4.0f, 90.0f, 7.0f, 0.0f}));
    EXPECT_EQ(range.nearest, 4.0f);
    EXPECT_EQ(range.median, 7.0f);
    EXPECT_EQ(range.farthest, 90.0f);
    EXPECT_EQ(depth_range(Tensor::zeros(DType::f32, {2, 2})).farthest, 0.0f);
}

double lightness(const Color& color) {
    const auto linear = [](std::uint8_t value) {
        const double v = value / 255.0;
        return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    const double y = 0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2]);
    return y > 0.008856 ? 116 * std::cbrt(y) - 16 : 903.3 * y;
}

TEST(Viridis, GrowsLighterEvenly) {
    constexpr int kSteps = 20;
    const double low = lightness(viridis(0)), high = lightness(viridis(1));
    EXPECT_LT(low, 18);
    EXPECT_GT(high, 88);
    for (int i = 0; i <= kSteps; ++i) {
        const double part = static_cast<double>(i) / kSteps;
        EXPECT_NEAR(lightness(viridis(static_cast<float>(part))), low + part * (high - low), 2.5) << part;
    }
    EXPECT_EQ(viridis(-1), viridis(0));
    EXPECT_EQ(viridis(NAN), viridis(0));
}

TEST(DrawLabels, BlendsThePalette) {
    Image image(3, 1, 3);
    image.pixels.assign(9, 100);
    const std::vector<Color> palette = {{200, 0, 100}, {0, 0, 0}};
    draw_labels(image, Tensor::from<std::uint8_t>({1, 3}, std::vector<std::uint8_t>{0, 3, kUnseen}), palette, 0.5f);
    EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{150, 50, 100, 50, 50, 50, 100, 100, 100}));
}

TEST(DrawDepth, PutsNearPixelsInBrightColors) {
    Image image(4, 1, 3);
    draw_depth(image, Tensor::from<float>({1, 4}, std::vector{5.0f, 10.0f, 20.0f, 0.0f}));
    const auto at = [&](std::int64_t x) {
        return Color{image.row(0)[x * 3], image.row(0)[x * 3 + 1], image.row(0)[x * 3 + 2]};
    };
    EXPECT_EQ(at(0), viridis(1));
    EXPECT_EQ(at(1), viridis(0.5f));
    EXPECT_EQ(at(2), viridis(0));
    EXPECT_EQ(at(3), (Color{0, 0, 0}));
}

TEST(DrawDepth, AddsAScaleWhereThereIsRoom) {
    Image image(300, 200, 3);
    Tensor depth(DType::f32, {200, 300});
    for (std::int64_t i = 0; i < depth.size(); ++i)
        depth.as<float>()[static_cast<std::size_t>(i)] = 5.0f + static_cast<float>(i % 300) / 3.2f;
    draw_depth(image, depth);
    EXPECT_EQ(image.row(0)[299 * 3], 0);
    const std::int64_t bar = 300 - 5;
    EXPECT_GT(image.row(190)[bar * 3 + 1], image.row(100)[bar * 3 + 1]);
    EXPECT_GT(image.row(100)[bar * 3 + 1], image.row(10)[bar * 3 + 1]);
}

TEST(Illustrate, PutsTasksBelowEachOther) {
    Image image(4, 2, 1);
    Findings findings;
    findings.labels = Tensor::zeros(DType::u8, {2, 4});
    findings.depth = Tensor::from<float>({2, 4}, std::vector<float>(8, 3.0f));
    const std::vector<OutputContract> contracts = {contract_of(Decoder::segmentation, "logits"),
                                                   contract_of(Decoder::depth, "depth")};
    const Image picture = illustrate(image, contracts, findings);
    EXPECT_EQ(picture.width, 4);
    EXPECT_EQ(picture.height, 4);
    EXPECT_EQ(picture.channels, 3);
    EXPECT_EQ(picture.row(0)[0], std::lround(0.6 * cityscapes_palette()[0][0]));
    EXPECT_EQ(illustrate(image, {}, {}).height, 2);
}

}  // namespace
}  // namespace fovea::vision
