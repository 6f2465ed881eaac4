#include "backend/cpu/simd/target.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/target.cpp"
#include "hwy/foreach_target.h"

#include "backend/cpu/simd/product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::simd::HWY_NAMESPACE {

int vector_lanes() { return static_cast<int>(lanes()); }
int tile_rows() { return kMaxRows; }
const char* name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace fovea::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu::simd {

HWY_EXPORT(vector_lanes);
HWY_EXPORT(tile_rows);
HWY_EXPORT(name);

int target_lanes() { return HWY_DYNAMIC_DISPATCH(vector_lanes)(); }
int target_tile_rows() { return HWY_DYNAMIC_DISPATCH(tile_rows)(); }
std::string_view target_name() { return HWY_DYNAMIC_DISPATCH(name)(); }

}  // namespace fovea::cpu::simd
#endif
