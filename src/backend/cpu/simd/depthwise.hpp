#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// A depthwise convolution: every channel has a filter of its own. Channels-last, zero padding.
struct DepthwiseConv {
    int batch = 1, channels = 0;
    int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
    int kernel_height = 0, kernel_width = 0;
    int stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
    int pad_top = 0, pad_left = 0;
    DType type = DType::f32;  ///< of input, residual and output: f32, bf16 or f16
    const void* input = nullptr;
    Pitch input_pitch;
    const float* weights = nullptr;  ///< made by `depthwise_pack`
    void* output = nullptr;
    Pitch output_pitch;
    Epilogue epilogue;
};

/// Floats in the packed weights.
std::size_t depthwise_packed_size(const DepthwiseConv& conv);
/// Packs dense filters [channels][kernel_height][kernel_width].
void depthwise_pack(const DepthwiseConv& conv, const float* filters, float* packed);

void depthwise_conv(const DepthwiseConv& conv, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
