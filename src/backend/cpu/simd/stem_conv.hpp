#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// A direct convolution (one group, no dilation) for few input channels: a network's first layer. Reads any order of
/// axes, so that a plain (NCHW) graph input needs no reordering; zero padding; writes channels-last.
struct StemConv {
    int batch = 1;
    int in_channels = 3, in_height = 0, in_width = 0;
    int out_channels = 0, out_height = 0, out_width = 0;
    int kernel_height = 0, kernel_width = 0;
    int stride = 1;  ///< of both axes
    int pad_top = 0, pad_left = 0;
    DType input_type = DType::f32;  ///< f32, bf16, f16 or u8
    const void* input = nullptr;
    std::int64_t image_step = 0, channel_step = 0, row_step = 0, pixel_step = 0;  ///< elements
    const float* input_scale = nullptr;  ///< per input channel, or none: the convolution sees scale · input + shift,
    const float* input_shift = nullptr;  ///< with zeros around it
    DType multiply = DType::f32;     ///< f32; or bf16, rounding inputs and weights, where `target_has_bf16_products()`
    const float* weights = nullptr;  ///< made by `stem_pack` for the same `multiply`
    DType type = DType::f32;         ///< of residual and output: f32, bf16 or f16
    void* output = nullptr;
    Pitch output_pitch;
    Epilogue epilogue;
};

/// Floats in the packed weights.
std::size_t stem_packed_size(const StemConv& conv);
/// Packs dense filters [out_channels][in_channels][kernel_height][kernel_width] for the sizes and `multiply` of `conv`.
/// `packed` is aligned to 64 bytes.
void stem_pack(const StemConv& conv, const float* filters, float* packed);

/// Bytes of scratch memory for this shape (pointers are not read).
std::size_t stem_workspace(const StemConv& conv, int threads);
void stem_conv(const StemConv& conv, void* workspace, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
