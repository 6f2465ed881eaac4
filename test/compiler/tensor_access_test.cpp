#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "compiler/magnitude.hpp"
#include "compiler/region_reference.hpp"

namespace fovea::compiler {
namespace {

using backend::Layout;
using backend::TensorDesc;

/// Elements of a tensor whose rows are `gap` elements apart.
TensorDesc spaced(DType type, Shape shape, Layout layout, std::int64_t gap) {
    TensorDesc desc = TensorDesc::dense(type, std::move(shape), layout);
    desc.pitch += gap;
    return desc;
}

template <class Word>
void expect_crops(DType type, const Shape& shape, Layout layout, const ops::Box& box) {
    const TensorDesc desc = spaced(type, shape, layout, shape.size() > 1 ? 2 : 0);
    std::vector<Word> memory(desc.bytes() / sizeof(Word));
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<Word>(i * 7 + 1);
    const Tensor cropped = crop(desc, reinterpret_cast<const std::byte*>(memory.data()), box);
    ASSERT_EQ(cropped.shape(), box.size);
    const auto found = cropped.as<Word>();
    const Shape strides = desc.strides();
    for (std::int64_t k = 0; k < cropped.size(); ++k) {
        std::int64_t place = 0, rest = k;
        for (std::size_t axis = shape.size(); axis-- > 0; rest /= box.size[axis])
            place += (box.start[axis] + rest % box.size[axis]) * strides[axis];
        ASSERT_EQ(found[static_cast<std::size_t>(k)], memory[static_cast<std::size_t>(place)]) << k;
    }
}

TEST(Crop, TakesABoxOutOfEitherLayout) {
    const Shape shape = {2, 5, 4, 3};
    for (const Layout layout : {Layout::plain, Layout::channels_last})
        for (const ops::Box& box : {ops::Box::whole(shape), ops::Box{{1, 2, 1, 0}, {1, 3, 2, 3}},
                                    ops::Box{{0, 0, 3, 1}, {2, 5, 1, 1}}, ops::Box{{0, 4, 0, 2}, {1, 1, 4, 1}},
                                    ops::Box{{1, 0, 0, 0}, {1, 5, 4, 3}}, ops::Box{{0, 0, 0, 0}, {2, 0, 4, 3}}}) {
            expect_crops<std::uint8_t>(DType::u8, shape, layout, box);
            expect_crops<std::uint16_t>(DType::u16, shape, layout, box);
            expect_crops<std::uint32_t>(DType::u32, shape, layout, box);
            expect_crops<std::uint64_t>(DType::u64, shape, layout, box);
        }
}

TEST(Crop, TakesNumbersAndLists) {
    expect_crops<std::uint32_t>(DType::u32, {}, Layout::plain, ops::Box{{}, {}});
    expect_crops<std::uint32_t>(DType::u32, {9}, Layout::plain, ops::Box{{2}, {5}});
}

double magnitude_of(const std::vector<float>& values, DType type) {
    const Tensor tensor = Tensor::from<float>({static_cast<std::int64_t>(values.size())}, values).cast(type);
    return largest_magnitude(TensorDesc::dense(type, tensor.shape(), Layout::plain), tensor.raw());
}

TEST(LargestMagnitude, IsThatOfFiniteElements) {
    const float infinity = std::numeric_limits<float>::infinity(), nothing = std::nanf("");
    for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
        EXPECT_EQ(magnitude_of({0.5f, -3, 2}, type), 3) << to_string(type);
        EXPECT_EQ(magnitude_of({0.5f, -infinity, nothing, infinity, -nothing, -0.25f}, type), 0.5) << to_string(type);
        EXPECT_EQ(magnitude_of({infinity, nothing}, type), 0) << to_string(type);
        EXPECT_EQ(magnitude_of({-0.0f, 0x1p-14f}, type), 0x1p-14) << to_string(type);
    }
    EXPECT_EQ(magnitude_of({1, -7, 4}, DType::i64), 7);
}

TEST(LargestMagnitude, LeavesOutWhatLiesBetweenRows) {
    const TensorDesc desc = spaced(DType::f32, {3, 2}, Layout::plain, 1);
    const float memory[] = {1, 2, 100, -3, 2, 100, 1, 1};
    EXPECT_EQ(largest_magnitude(desc, reinterpret_cast<const std::byte*>(memory)), 3);
}

}  // namespace
}  // namespace fovea::compiler
