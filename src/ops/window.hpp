#pragma once

#include <string>
#include <vector>

#include "ops/op.hpp"

namespace fovea::ops {

/// Geometry of a sliding window over the spatial axes, as convolution and pooling share it.
struct SlidingWindow {
    std::vector<std::int64_t> kernel, strides, dilations, pads_begin, pads_end;

    /// Rows from the first to the last tap along axis `i`.
    [[nodiscard]] std::int64_t extent(std::size_t i) const { return (kernel[i] - 1) * dilations[i] + 1; }
};

/// Reads `strides`, `dilations`, `pads` and `auto_pad` (NOTSET, VALID, SAME_UPPER, SAME_LOWER); `input` holds the
/// spatial sizes, or -1 where a size is not known (SAME padding then stays 0). Throws `invalid_model` on negative or
/// zero values.
SlidingWindow sliding_window(const NodeView& node, std::vector<std::int64_t> kernel,
                             const std::vector<std::int64_t>& input);

/// Output size along one axis; `ceil_mode` as pooling defines it. Throws when the kernel exceeds the padded input.
std::int64_t sliding_output(const NodeView& node, const SlidingWindow& window, std::size_t axis, std::int64_t input,
                            bool ceil_mode);

/// The same for a size that may be unknown; a symbol is kept where the output is as large as the input.
ir::Dim sliding_dim(const NodeView& node, const SlidingWindow& window, std::size_t axis, const ir::Dim& input,
                    bool ceil_mode);

/// Spatial sizes of `x` as `sliding_window` takes them.
std::vector<std::int64_t> spatial_sizes(const ir::Dims& x);

/// Part of the input's spatial axes (clipped to the input) under the output positions `start`, `size` along `axis`.
void sliding_input(const SlidingWindow& window, std::size_t axis, std::int64_t input, std::int64_t& start,
                   std::int64_t& size);

}  // namespace fovea::ops
