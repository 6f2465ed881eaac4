#pragma once

#include "backend/cuda/families.hpp"

namespace fovea::backend::cuda {

/// Taps of every output row and column of a Resize node.
struct ResizeTaps {
    std::size_t count = 1;  ///< of every position
    std::vector<ResizeTap> rows, columns;
};

/// Nothing when the node's small inputs are not known or a pixel has too many taps. `x` and `y`: shapes of the image
/// before and after, of four axes.
std::optional<ResizeTaps> resize_taps(const ir::Node& node, const ops::ValueTable& values, const Shape& x,
                                      const Shape& y);

}  // namespace fovea::backend::cuda
