#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// Where an output row (or column) of a linear interpolation comes from: (1 - weight) x[first] + weight x[second].
struct LinearTap {
    std::int32_t first, second;
    float weight;
};

/// ONNX's coordinate transformations of Resize that need no further parameter.
enum class Coordinates : std::uint8_t {
    half_pixel,
    pytorch_half_pixel,
    half_pixel_symmetric,
    align_corners,
    asymmetric
};

/// Fills `taps[0..out_size)`; `scale` is output size over input size as the operator states it. Neighbours beyond an
/// edge are the edge.
void fill_linear_taps(LinearTap* taps, int in_size, int out_size, double scale, Coordinates coordinates);

/// Bilinear interpolation of channels-last tensors: activation(resized + residual). A plain tensor is one of many
/// images of one channel.
struct BilinearResize {
    int batch = 1, channels = 0;
    int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
    DType type = DType::f32;  ///< of input, residual and output: f32, bf16 or f16
    const void* input = nullptr;
    Pitch input_pitch;
    const LinearTap *rows = nullptr, *columns = nullptr;  ///< one per output row and column, ascending
    void* output = nullptr;
    Pitch output_pitch;
    Epilogue epilogue;  ///< without bias
};

std::size_t bilinear_resize_workspace(const BilinearResize& resize, int threads);
void bilinear_resize(const BilinearResize& resize, void* workspace, int threads) noexcept;

/// Copies whole pixels: output (y, x) is input (rows[y], columns[x]). Of any element type; pitches count elements.
struct NearestResize {
    int batch = 1, channels = 0, out_height = 0, out_width = 0;
    int element_bytes = 4;
    const void* input = nullptr;
    Pitch input_pitch;
    const std::int32_t *rows = nullptr, *columns = nullptr;  ///< see `fill_source_index`
    void* output = nullptr;
    Pitch output_pitch;
};

void nearest_resize(const NearestResize& resize, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
