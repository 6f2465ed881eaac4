#pragma once

#include <optional>

#include "backend/cpu/simd/types.hpp"
#include "backend/epilogue.hpp"

namespace fovea::backend::cpu {

/// Pitches of a channels_last tensor of four dimensions.
fovea::backend::cpu::simd::Pitch pitch_of(const TensorDesc& desc);

/// An epilogue in the form of the own kernels: activation(result + residual).
struct SimdEpilogue {
    fovea::backend::cpu::simd::Epilogue steps;  ///< pointers and pitches not set
    ir::ValueId residual = ir::kNone;
    bool casts = false;  ///< the result is stored in another type than the chain's
};
/// Whether the own kernels have the activation with these parameters.
bool own_activation(const EpilogueStep& step);
/// Nothing when the chain is longer or of another kind; `output` gives the shape and type that a residual must have.
std::optional<SimdEpilogue> simd_epilogue(const RegionContext& context, const Epilogue& epilogue, ir::ValueId output);

}  // namespace fovea::backend::cpu
