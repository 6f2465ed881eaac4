#pragma once

#include <optional>
#include <vector>

#include "backend/conv_region.hpp"
#include "backend/cpu/simd/patch_source.hpp"
#include "backend/epilogue.hpp"
#include "backend/family.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cpu {

/// Whether Winograd's algorithm computes the region: 3x3, stride 1, one group, and an epilogue of at most one addition
/// of a whole tensor, then at most one activation, then at most one scale and shift per channel and ReLU.
bool suits_winograd(const RegionContext& context, const ConvRegion& region);
/// Whether its products may be in i16: their error vanishes behind the rounding of tensors stored in bf16.
bool winograd_in_words(const RegionContext& context, const ConvRegion& region);
std::unique_ptr<Kernel> prepare_winograd(const RegionContext& context, const Tactic& tactic);

/// One source of an own convolution kernel: the region's input and the index tables through which it is read.
struct ConvSource {
    std::size_t input;
    std::vector<std::int32_t> rows, columns;
};
/// Where the `count` entries along spatial `axis` of a convolution's input come from in a source: behind the prologue
/// and so many zeros of the convolution's own padding.
std::vector<std::int32_t> source_index(const ConvPrologue& prologue, const ConvPrologue::Source& source,
                                       const TensorDesc& desc, std::size_t axis, int count,
                                       std::int64_t zeros_begin = 0, std::int64_t zeros_end = 0);
/// Tables of `rows` and `columns` entries for every source of the prologue; sets pitch and channels of `sources`.
std::vector<ConvSource> conv_sources(const RegionContext& context, const Tactic& tactic, const ConvRegion& region,
                                     int rows, int columns, simd::PatchSource* sources);

/// Direct convolution of at most 4 input channels, from either layout.
bool suits_stem(const RegionContext& context, const ConvRegion& region);
std::unique_ptr<Kernel> prepare_stem(const RegionContext& context, const Tactic& tactic);

/// Depthwise convolution: as many groups as channels, one filter each.
bool suits_depthwise(const RegionContext& context, const ConvRegion& region);
std::unique_ptr<Kernel> prepare_depthwise(const RegionContext& context, const Tactic& tactic);

/// Direct 3x3 convolution to at most 8 output channels, to either layout.
bool suits_narrow(const RegionContext& context, const ConvRegion& region);
std::unique_ptr<Kernel> prepare_narrow(const RegionContext& context, const Tactic& tactic);

/// Product of bf16 matrices on tile registers, where the machine has them: one group, several taps.
bool suits_tiles(const RegionContext& context, const ConvRegion& region);
std::unique_ptr<Kernel> prepare_tiles(const RegionContext& context, const Tactic& tactic);

/// oneDNN's convolution; a prologue is written out into the workspace first.
std::unique_ptr<Kernel> prepare_onednn_conv(const RegionContext& context, const Tactic& tactic);

}  // namespace fovea::backend::cpu
