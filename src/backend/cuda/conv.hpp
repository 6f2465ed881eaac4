#pragma once

#include "backend/conv_region.hpp"
#include "backend/cuda/families.hpp"

namespace fovea::backend::cuda {

/// Most input channels of a first convolution.
inline constexpr std::int64_t kStemChannels = 4;

/// kPad of the templates.
std::int64_t pad_code(const ConvRegion& region);

/// The numbers of kernels/conv.cuh for a region whose pads stand in one place.
struct MmaProblem;
MmaProblem conv_problem(const RegionContext& context, const Tactic& tactic, const ConvRegion& region);

/// kernels/stem.cuh: few input channels, read in either layout and any float type.
bool stem_window(const Shape& weights, const ir::Node& conv);
bool suits_stem(const RegionContext& context, const ConvRegion& region);
/// The region's input that is the image; a cast may stand between it and the convolution.
std::size_t stem_input(const RegionContext& context, const ConvRegion& region);
/// Names of the tiles that the template is instantiated with.
std::vector<std::string> stem_tiles();
std::unique_ptr<Kernel> prepare_stem(const Target& target, const RegionContext& context, const Tactic& tactic,
                                     const ConvRegion& region);

/// kernels/stem_warpgroup.cuh: the same for plain images and 16-bit products on compute capability 9.0, with the
/// maximum behind it where the region ends in one.
std::vector<std::string> stem_warpgroup_tactics(const Target& target, const RegionContext& context,
                                                const ConvRegion& region);
std::unique_ptr<Kernel> prepare_stem_warpgroup(const Target& target, const RegionContext& context, const Tactic& tactic,
                                               const ConvRegion& region);

/// kernels/direct.cuh: plain loops for grouped convolutions and odd numbers of channels.
bool suits_direct(const RegionContext& context, const ConvRegion& region);
/// kernels/depthwise.cuh: the same for one channel per group.
bool suits_depthwise(const RegionContext& context, const ConvRegion& region);
/// The kernel of either, by the tactic's name.
std::unique_ptr<Kernel> prepare_direct(const Target& target, const RegionContext& context, const Tactic& tactic,
                                       const ConvRegion& region);

}  // namespace fovea::backend::cuda
