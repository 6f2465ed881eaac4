#include "backend/cpu/simd/group_norm.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Size {
    std::int64_t images, channels, pixels, groups;
};
constexpr Size kSizes[] = {{1, 6, 35, 2}, {3, 70, 130, 7}, {2, 160, 9, 160}, {1, 64, 300, 1}, {2, 5, 1, 1}};

/// Channels about numbers far from each other and from zero, as many in each group as the size says.
void fill(Buffer& x, const Size& size, bool channels_last, std::int64_t pitch) {
    Buffer numbers(DType::f32, size.channels * size.pixels * size.images);
    numbers.randomise(1);
    std::int64_t i = 0;
    for (std::int64_t image = 0; image < size.images; image++)
        for (std::int64_t c = 0; c < size.channels; c++)
            for (std::int64_t p = 0; p < size.pixels; p++, i++)
                x.set(channels_last ? (image * size.pixels + p) * pitch + c : i,
                      3 + numbers.get(i) + 0.5f * static_cast<float>(c % 5));
}

TEST(GroupNorm, MatchesItsDefinition) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const DType type : kStoredTypes)
            for (const Size& size : kSizes)
                for (const bool last : {false, true})
                    for (const int threads : {1, 3}) {
                        const std::int64_t pitch = size.channels + 3, count = size.images * size.pixels * pitch;
                        const auto at = [&](std::int64_t image, std::int64_t c, std::int64_t p) {
                            return last ? (image * size.pixels + p) * pitch + c
                                        : (image * size.channels + c) * size.pixels + p;
                        };
                        Buffer x(type, count), y(type, count), scale(DType::f32, size.channels),
                            shift(DType::f32, size.channels);
                        fill(x, size, last, pitch);
                        scale.randomise(3), shift.randomise(4);
                        const GroupNorm norm{size.images,    size.channels,  size.pixels, size.groups, type,
                                             last,           x.data(),       y.data(),    pitch,       pitch,
                                             scale.floats(), shift.floats(), 1e-3f};
                        Buffer workspace(DType::f32,
                                         static_cast<std::int64_t>(group_norm_workspace(norm, threads) / 4));
                        group_norm(norm, workspace.data(), threads);
                        ErrorMeasure error;
                        const std::int64_t channels = size.channels / size.groups;
                        for (std::int64_t image = 0; image < size.images; image++)
                            for (std::int64_t first = 0; first < size.channels; first += channels) {
                                const auto over_group = [&](const auto& visit) {
                                    for (std::int64_t c = first; c < first + channels; c++)
                                        for (std::int64_t p = 0; p < size.pixels; p++) visit(c, at(image, c, p));
                                };
                                const auto all = static_cast<double>(channels * size.pixels);
                                double mean = 0, variance = 0;
                                over_group([&](std::int64_t, std::int64_t i) { mean += x.get(i) / all; });
                                over_group([&](std::int64_t, std::int64_t i) {
                                    variance += (x.get(i) - mean) * (x.get(i) - mean) / all;
                                });
                                over_group([&](std::int64_t c, std::int64_t i) {
                                    error.add(y.get(i), (x.get(i) - mean) / std::sqrt(variance + 1e-3) * scale.get(c) +
                                                            shift.get(c));
                                });
                            }
                        EXPECT_LE(error.value(), tolerance(type, 5e-6))
                            << target_name() << " " << to_string(type) << ", channels " << size.channels << ", last "
                            << last << ", threads " << threads;
                        ASSERT_TRUE(!last || std::isnan(y.get(size.channels)));
                    }
    }
}

TEST(GroupNorm, KeepsSmallDifferencesOfLargeNumbersApart) {
    constexpr std::int64_t kPixels = 4096;
    for (const bool last : {false, true}) {
        Buffer x(DType::f32, kPixels), y(DType::f32, kPixels), scale(DType::f32, 1), shift(DType::f32, 1);
        for (std::int64_t i = 0; i < kPixels; i++) x.set(i, i % 2 ? 10001.0f : 9999.0f);
        scale.set(0, 1), shift.set(0, 0);
        const GroupNorm norm{
            1, 1, kPixels, 1, DType::f32, last, x.data(), y.data(), 1, 1, scale.floats(), shift.floats(), 0};
        Buffer workspace(DType::f32, static_cast<std::int64_t>(group_norm_workspace(norm, 2) / 4));
        group_norm(norm, workspace.data(), 2);
        EXPECT_EQ(y.get(0), -1);
        EXPECT_EQ(y.get(kPixels - 1), 1);
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
