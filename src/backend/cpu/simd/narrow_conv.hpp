#pragma once

#include <cstddef>

#include "backend/cpu/simd/patch_source.hpp"

namespace fovea::backend::cpu::simd {

/// A direct 3x3 convolution of stride 1 and one group for few output channels (about 1 to 8), where kernels that fill
/// vectors with output channels waste most of them: here vectors hold input channels. Reads channels-last sources as
/// `WinogradConv` does; their index tables hold `narrow_table_size(height)` rows and `narrow_table_size(width)`
/// columns.
struct NarrowConv {
    int batch = 1, height = 0, width = 0;  ///< of the output
    int out_channels = 1;
    DType type = DType::f32;  ///< of sources: f32, bf16 or f16
    PatchSource sources[2];   ///< the second has no channels when there is one input
    DType multiply =
        DType::f32;  ///< f32; or bf16 for bf16 sources, rounding weights, where `target_has_bf16_products()`
    const float* weights = nullptr;  ///< made by `narrow_pack` for the same `multiply`
    DType output_type = DType::f32;  ///< f32, bf16 or f16
    void* output = nullptr;
    Pitch output_pitch;
    std::int64_t output_channel_step = 1;  ///< more than 1 when the output is plain (NCHW)
    Epilogue epilogue;                     ///< without residual
};

/// Entries an index table needs for an output axis of `size`.
constexpr int narrow_table_size(int size) { return (size + 7) / 8 * 8 + 2; }

/// Floats in the packed weights.
std::size_t narrow_packed_size(const NarrowConv& conv);
/// Packs dense filters [out_channels][channels of source 0, then 1][3][3] for the sizes and `multiply` of `conv`.
/// `packed` is aligned to 64 bytes.
void narrow_pack(const NarrowConv& conv, const float* filters, float* packed);

void narrow_conv(const NarrowConv& conv, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
