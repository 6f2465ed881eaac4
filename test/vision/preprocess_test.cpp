#include "vision/preprocess.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/error.hpp"
#include "vision/sample.hpp"

namespace fovea::vision {
namespace {

/// Red counts columns, green counts rows, blue is constant.
Image ramp(std::int64_t width, std::int64_t height) {
    Image image(width, height, 3);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
            image.row(y)[x * 3] = static_cast<std::uint8_t>(x);
            image.row(y)[x * 3 + 1] = static_cast<std::uint8_t>(y);
            image.row(y)[x * 3 + 2] = 200;
        }
    return image;
}

InputContract contract_of(Fit fit, std::int64_t width, std::int64_t height) {
    InputContract contract;
    contract.tensor = "image";
    contract.fit = fit;
    contract.width = width;
    contract.height = height;
    return contract;
}

TEST(Place, RoundsTheImagesOwnSizeUp) {
    InputContract contract = contract_of(Fit::stretch, 0, 0);
    contract.multiple = 32;
    const Placement placement = place(contract, 500, 512);
    EXPECT_EQ(placement.width, 512);
    EXPECT_EQ(placement.height, 512);
    EXPECT_DOUBLE_EQ(placement.scale_x, 512.0 / 500.0);
    const Point back = placement.to_image(Point{256, 100});
    EXPECT_FLOAT_EQ(back.x, 250);
    EXPECT_FLOAT_EQ(back.y, 100);
}

TEST(Fit, LetterboxCentresAndFills) {
    InputContract contract = contract_of(Fit::letterbox, 20, 20);
    contract.fill = {1, 2, 3};
    const Image fitted = fit(contract, ramp(10, 5));
    ASSERT_EQ(fitted.width, 20);
    EXPECT_EQ(fitted.row(4)[0], 1);
    EXPECT_EQ(fitted.row(4)[2], 3);
    EXPECT_EQ(fitted.row(5)[2], 200);
    EXPECT_EQ(fitted.row(14)[2], 200);
    EXPECT_EQ(fitted.row(15)[2], 3);
    const Placement placement = place(contract, 10, 5);
    const Box box = placement.to_image(Box{0, 5, 20, 15});
    EXPECT_FLOAT_EQ(box.x2, 10);
    EXPECT_FLOAT_EQ(box.y1, 0);
    EXPECT_FLOAT_EQ(box.y2, 5);
}

TEST(Fit, CornerKeepsTheOrigin) {
    const InputContract contract = contract_of(Fit::corner, 10, 20);
    const Image fitted = fit(contract, ramp(10, 5));
    EXPECT_EQ(fitted.row(4)[2], 200);
    EXPECT_EQ(fitted.row(5)[2], 0);
    EXPECT_EQ(fitted.row(0)[9 * 3], 9);
}

TEST(Fit, CenterCropCutsTheMiddle) {
    InputContract contract = contract_of(Fit::center_crop, 4, 6);
    contract.resize_shorter = 10;
    const Image fitted = fit(contract, ramp(20, 10));
    ASSERT_EQ(fitted.width, 4);
    ASSERT_EQ(fitted.height, 6);
    EXPECT_EQ(fitted.row(0)[0], 8);
    EXPECT_EQ(fitted.row(5)[3 * 3], 11);
    EXPECT_EQ(fitted.row(0)[1], 2);
    EXPECT_EQ(fitted.row(5)[1], 7);
}

TEST(Preprocess, NormalisesPerChannel) {
    InputContract contract = contract_of(Fit::stretch, 3, 2);
    contract.scale = 1.0f / 255.0f;
    contract.mean = {0.5f, 0.25f, 0.0f};
    contract.std = {0.5f, 0.5f, 0.25f};
    const Tensor tensor = preprocess(contract, ramp(3, 2));
    ASSERT_EQ(tensor.shape(), (Shape{1, 3, 2, 3}));
    const auto values = tensor.as<float>();
    EXPECT_FLOAT_EQ(values[2], (2.0f / 255.0f - 0.5f) / 0.5f);
    EXPECT_FLOAT_EQ(values[6 + 3], (1.0f / 255.0f - 0.25f) / 0.5f);
    EXPECT_FLOAT_EQ(values[12], 200.0f / 255.0f / 0.25f);
}

TEST(Preprocess, OrdersChannels) {
    InputContract contract = contract_of(Fit::stretch, 3, 2);
    contract.color = ColorOrder::bgr;
    contract.layout = Layout::nhwc;
    contract.dtype = DType::u8;
    const Tensor tensor = preprocess(contract, ramp(3, 2));
    ASSERT_EQ(tensor.shape(), (Shape{1, 2, 3, 3}));
    const auto values = tensor.as<std::uint8_t>();
    EXPECT_EQ(values[0], 200);
    EXPECT_EQ(values[5], 1);
    EXPECT_EQ(values[10], 1);
}

TEST(Preprocess, MakesGrey) {
    InputContract contract = contract_of(Fit::stretch, 2, 2);
    contract.color = ColorOrder::grey;
    Image image(2, 2, 4);
    image.pixels.assign(16, 77);
    const Tensor tensor = preprocess(contract, image);
    ASSERT_EQ(tensor.shape(), (Shape{1, 1, 2, 2}));
    EXPECT_FLOAT_EQ(tensor.as<float>()[3], 77.0f);
}

TEST(SampleInput, LiesWhereTheContractPutsPictures) {
    InputContract contract = contract_of(Fit::stretch, 0, 0);
    contract.scale = 1.0f / 255.0f;
    contract.mean = {0.5f};
    contract.std = {0.5f};
    const Tensor batch = sample_input(contract, {2, 3, 40, 50}, 7);
    ASSERT_EQ(batch.shape(), (Shape{2, 3, 40, 50}));
    const auto values = batch.as<float>();
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    EXPECT_GE(*low, -1.0f);
    EXPECT_LE(*high, 1.0f);
    EXPECT_GT(*high - *low, 1.0f);
    EXPECT_FALSE(std::equal(values.begin(), values.begin() + 6000, values.begin() + 6000));
    EXPECT_TRUE(batch.equals(sample_input(contract, {2, 3, 40, 50}, 7)));
    EXPECT_THROW((void)sample_input(contract, {2, 40, 50, 3}, 7), Error);
}

}  // namespace
}  // namespace fovea::vision
