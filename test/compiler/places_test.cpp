#include "compiler/places.hpp"

#include <gtest/gtest.h>

namespace fovea::compiler {
namespace {

TEST(Places, SpreadBoxesLieInAllPartsOfATensor) {
    const Shape shape = {2, 24, 60, 50};
    std::mt19937 random(1);
    std::vector<bool> tenths(10, false);
    std::int64_t elements = 0;
    for (const ops::Box& box : sample_boxes(shape, 600, true, random)) {
        const std::int64_t place = (box.start[0] * shape[2] + box.start[2]) * shape[3] + box.start[3];
        tenths[static_cast<std::size_t>(place * 10 / (2 * 60 * 50))] = true;
        elements += base::element_count(box.size);
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            EXPECT_GE(box.start[axis], 0);
            EXPECT_LE(box.start[axis] + box.size[axis], shape[axis]);
        }
    }
    EXPECT_EQ(tenths, std::vector<bool>(10, true));
    EXPECT_LE(elements, 700);
}

TEST(Places, LargestDistancesAreFoundInEveryLayoutAndPitch) {
    const Shape shape = {2, 3, 40, 5};
    const auto a = backend::TensorDesc::dense(DType::f32, shape, backend::Layout::channels_last);
    auto b = a;
    b.pitch = 7;
    std::vector<float> x(2 * 3 * 40 * 5, 1), y(2 * 40 * 5 * 7, 1);
    // Image 1, channel 2, row 30, column 4; and image 0, channel 1, row 0, column 3, which is no number in one of them.
    x[((1 * 40 + 30) * 5 + 4) * 3 + 2] = 5;
    y[3 * 7 + 1] = NAN;
    const auto* p = reinterpret_cast<const std::byte*>(x.data());
    const auto* q = reinterpret_cast<const std::byte*>(y.data());
    const auto found = largest_distances(a, p, b, q, 4);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].index, (Shape{0, 1, 0, 3}));
    EXPECT_EQ(found[0].size, INFINITY);
    EXPECT_EQ(found[1].index, (Shape{1, 2, 30, 4}));
    EXPECT_EQ(found[1].size, 4);
}

TEST(Places, BitsBetweenRowsDoNotCount) {
    auto desc = backend::TensorDesc::dense(DType::f32, {2, 3}, backend::Layout::plain);
    desc.pitch = 4;
    std::vector<float> x = {1, 2, 3, 0, 4, 5, 6, 0}, y = {1, 2, 3, 9, 4, 5, 6, 9};
    const auto* p = reinterpret_cast<const std::byte*>(x.data());
    const auto* q = reinterpret_cast<const std::byte*>(y.data());
    EXPECT_TRUE(equal_bits(desc, p, q));
    y[6] = -6;
    EXPECT_FALSE(equal_bits(desc, p, q));
}

}  // namespace
}  // namespace fovea::compiler
