#pragma once

#include <optional>
#include <vector>

#include "backend/cpu/simd/resize.hpp"
#include "backend/family.hpp"

namespace fovea::backend::cpu {

/// Whether `node` is a bilinear resize of the two spatial axes that the own kernels compute: f32 or bf16 of four axes,
/// known shapes, no antialias, and scales that are the ratio of the sizes.
bool own_bilinear(const MatchContext& context, const ir::Node& node);

/// Where the rows (`axis` 0) or columns (1) of a resize that `own_bilinear` accepts come from.
std::vector<fovea::backend::cpu::simd::LinearTap> linear_taps(const RegionContext& context, const ir::Node& node,
                                                              std::size_t axis);

}  // namespace fovea::backend::cpu
