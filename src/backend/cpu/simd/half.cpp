#include "backend/cpu/simd/half.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/half.cpp"
#include "hwy/foreach_target.h"

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

template <class From, class To>
void convert_all(const From* input, To* output, std::size_t count) {
    over_vectors(count, [&]<bool kPart>(std::size_t i, std::size_t part)
                            HWY_ATTR { store_block<kPart>(load_block<kPart>(input + i, part), output + i, part); });
}

void widen_all(const std::uint16_t* input, float* output, std::size_t count) {
    convert_all(reinterpret_cast<const HalfBits*>(input), output, count);
}

void narrow_all(const float* input, std::uint16_t* output, std::size_t count) {
    convert_all(input, reinterpret_cast<HalfBits*>(output), count);
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(widen_all);
HWY_EXPORT(narrow_all);

}  // namespace

void half_to_float(const std::uint16_t* input, float* output, std::size_t count) noexcept {
    HWY_DYNAMIC_DISPATCH(widen_all)(input, output, count);
}

void float_to_half(const float* input, std::uint16_t* output, std::size_t count) noexcept {
    HWY_DYNAMIC_DISPATCH(narrow_all)(input, output, count);
}

}  // namespace fovea::backend::cpu::simd
#endif
