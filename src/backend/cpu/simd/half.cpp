#include "backend/cpu/simd/half.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/half.cpp"
#include "hwy/foreach_target.h"

#include "backend/cpu/simd/vector-inl.hpp"
#include "base/float_types.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Whether the target converts in hardware.
constexpr bool kConverts = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2;

void widen_all(const std::uint16_t* input, float* output, std::size_t count) {
    std::size_t i = 0;
    if constexpr (kConverts) {
        const hn::Rebind<hwy::float16_t, F32> half;
        for (; i + lanes() <= count; i += lanes())
            store(hn::PromoteTo(F32(), hn::BitCast(half, hn::LoadU(U16(), input + i))), output + i);
    }
    for (; i < count; ++i) output[i] = base::decode_float(input[i], DType::f16);
}

void narrow_all(const float* input, std::uint16_t* output, std::size_t count) {
    std::size_t i = 0;
    if constexpr (kConverts) {
        const hn::Rebind<hwy::float16_t, F32> half;
        for (; i + lanes() <= count; i += lanes())
            hn::StoreU(hn::BitCast(U16(), hn::DemoteTo(half, load(input + i))), U16(), output + i);
    }
    for (; i < count; ++i) output[i] = base::encode_float(input[i], DType::f16);
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
