#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ops/op.hpp"

namespace fovea::ops {

/// How Resize maps one axis of its output to its input.
struct ResizeAxis {
    std::int64_t input = 0, output = 0;
    double scale = 1;               ///< resized / original
    double length = 0;              ///< size of the output before it was rounded to an integer
    double start = 0, end = 1;      ///< region of interest, normalised; for tf_crop_and_resize
    bool single_precision = false;  ///< the scale is given as f32; nearest positions are then computed in f32
};

/// The weight of one input position in an output position.
struct ResizeTap {
    std::int64_t place;
    double weight;
};

/// Attributes of Resize, checked.
struct ResizeMode {
    enum class Kind { nearest, linear, cubic } kind;
    enum class Coordinates {
        half_pixel,
        half_pixel_symmetric,
        pytorch_half_pixel,
        align_corners,
        asymmetric,
        tf_crop_and_resize
    } coordinates;
    enum class Nearest { round_prefer_floor, round_prefer_ceil, floor, ceil } nearest;
    enum class Aspect { stretch, not_larger, not_smaller } aspect;
    bool antialias, exclude_outside;
    double cubic_coefficient, extrapolation_value;
};

/// Reads and checks the attributes; throws `invalid_model`.
ResizeMode resize_mode(const NodeView& node);

/// Axes of an input of `rank` axes that scales, sizes and roi refer to.
std::vector<std::size_t> resize_axes(const NodeView& node, std::size_t rank);

/// The scale that all resized axes share under an aspect policy other than stretch; `input` and `sizes` are the sizes
/// of the resized axes.
double resize_aspect_scale(ResizeMode::Aspect aspect, const Shape& input, const Shape& sizes);

/// Output size along an axis for a scale, as the specification rounds it.
std::int64_t resize_length(const NodeView& node, std::int64_t input, float scale, double start, double end);

/// Geometry of all axes from `x` to `y`; `inputs` are the node's, the small ones where they are known. Nothing when
/// they are not.
std::optional<std::vector<ResizeAxis>> resize_geometry(const NodeView& node, const ResizeMode& mode, const Shape& x,
                                                       const Shape& y, const std::vector<Tensor>& inputs);

/// Taps of the output position `place`; nothing where tf_crop_and_resize extrapolates.
std::optional<std::vector<ResizeTap>> resize_taps(const ResizeMode& mode, const ResizeAxis& axis, std::int64_t place);

}  // namespace fovea::ops
