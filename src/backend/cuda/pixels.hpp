#pragma once

#include "backend/backend.hpp"
#include "backend/cuda/arguments.hpp"

namespace fovea::backend::cuda {

/// Sets the geometry of a kernel whose threads each compute some channels of one output pixel.
inline void set_pixels(PixelArgs& args, const TensorDesc& source, const TensorDesc& output) {
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    args.height = size(source.shape[2]);
    args.width = size(source.shape[3]);
    args.rows = size(output.shape[0] * output.shape[2] * output.shape[3]);
    args.pixels = make_divisor(output.shape[2] * output.shape[3]);
    args.columns = make_divisor(output.shape[3]);
    args.pitch = size(source.pitch);
    args.output_pitch = size(output.pitch);
}

}  // namespace fovea::backend::cuda
