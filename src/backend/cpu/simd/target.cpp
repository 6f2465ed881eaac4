#include "backend/cpu/simd/target.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/target.cpp"
#include "hwy/foreach_target.h"

#include "backend/cpu/simd/product-inl.hpp"
#include "backend/cpu/simd/tiles-inl.hpp"
#include "backend/cpu/simd/units-inl.hpp"
#include "backend/cpu/simd/word_product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

int vector_lanes() { return static_cast<int>(lanes()); }
int tile_rows() { return kMaxRows; }
bool compiled_tiles() { return kTiles; }
bool compiled_bf16_products() { return kBf16Products; }
bool compiled_word_products() { return kWordProducts; }
const char* name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::backend::cpu::simd {

HWY_EXPORT(vector_lanes);
HWY_EXPORT(tile_rows);
HWY_EXPORT(compiled_bf16_products);
HWY_EXPORT(compiled_word_products);
HWY_EXPORT(compiled_tiles);
HWY_EXPORT(name);

int target_lanes() { return HWY_DYNAMIC_DISPATCH(vector_lanes)(); }
int target_tile_rows() { return HWY_DYNAMIC_DISPATCH(tile_rows)(); }
bool target_has_bf16_products() { return kNativeBf16 && HWY_DYNAMIC_DISPATCH(compiled_bf16_products)(); }
bool target_has_word_products() { return kNativeWords && HWY_DYNAMIC_DISPATCH(compiled_word_products)(); }
bool target_has_tiles() { return machine_has_tiles() && HWY_DYNAMIC_DISPATCH(compiled_tiles)(); }
std::string_view target_name() { return HWY_DYNAMIC_DISPATCH(name)(); }

}  // namespace fovea::backend::cpu::simd
#endif
