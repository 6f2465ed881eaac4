#include "backend/cpu/simd/half.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

TEST(Half, EveryNumberComesBack) {
    std::vector<std::uint16_t> all(65536), back(all.size());
    for (std::size_t i = 0; i < all.size(); i++) all[i] = static_cast<std::uint16_t>(i);
    std::vector<float> wide(all.size());
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        half_to_float(all.data(), wide.data(), all.size());
        float_to_half(wide.data(), back.data(), all.size());
        for (std::size_t i = 0; i < all.size(); i++) {
            const float expected = base::decode_float(all[i], DType::f16);
            ASSERT_TRUE(wide[i] == expected || (std::isnan(wide[i]) && std::isnan(expected))) << target_name() << i;
            if (!std::isnan(expected)) {
                ASSERT_EQ(back[i], all[i]) << target_name();
            }
        }
    }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
    // Halfway between two f16 numbers, a little beside it, below the smallest and beyond the largest; an odd count.
    std::vector<float> numbers = {65504, 65519, 65520, 1e6f, -1e6f, 0x1p-25f, 0x1.8p-24f, -0x1p-26f, 0.0f, -0.0f};
    std::minstd_rand engine(5);
    std::uniform_int_distribution<int> bits(0, 0x7BFE);
    while (numbers.size() < 997) {
        const auto low = static_cast<std::uint16_t>(bits(engine));
        const float a = base::decode_float(low, DType::f16);
        const float b = base::decode_float(static_cast<std::uint16_t>(low + 1), DType::f16), middle = (a + b) / 2;
        numbers.insert(numbers.end(), {middle, std::nextafter(middle, a), -std::nextafter(middle, b)});
    }
    std::vector<std::uint16_t> found(numbers.size());
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        float_to_half(numbers.data(), found.data(), numbers.size());
        for (std::size_t i = 0; i < numbers.size(); i++)
            ASSERT_EQ(found[i], base::encode_float(numbers[i], DType::f16)) << target_name() << " " << numbers[i];
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
