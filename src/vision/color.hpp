#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace fovea::vision {

/// RGB, 8 bits each.
using Color = std::array<std::uint8_t, 3>;

/// The colours that the Cityscapes data set draws its 19 training classes in, from road to bicycle
/// (Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", 2016).
const std::vector<Color>& cityscapes_palette();

/// A colour for `fraction` in [0, 1], from dark violet over green to bright yellow; its lightness grows evenly, so that
/// the order shows in grey as well. The map is viridis (Smith, van der Walt and Firing, 2015) by the polynomials that
/// Matt Zucker fitted to it ("Plotting perceptually uniform colour maps", 2019); both are in the public domain (CC0).
Color viridis(float fraction);

}  // namespace fovea::vision
