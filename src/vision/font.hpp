#pragma once

#include <array>
#include <cstdint>

namespace fovea::vision {

inline constexpr int kGlyphWidth = 5, kGlyphHeight = 7;

/// Five columns from the left; bit 0 is the top row.
using Glyph = std::array<std::uint8_t, kGlyphWidth>;

/// The picture of an ASCII character from space to '~'; that of '?' for any other.
const Glyph& glyph(char character);

}  // namespace fovea::vision
