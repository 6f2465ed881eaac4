#pragma once

#include <cstddef>
#include <vector>

#include "backend/cpu/simd/resize.hpp"

namespace fovea::backend::cpu::simd {

/// Columns of a linear interpolation as a convolution behind it reads them, its padding included: column `x` is
/// first_weight[x] source[first[x]] + second_weight[x] source[second[x]].
struct UpsampledColumns {
    std::vector<std::int32_t> first, second;
    std::vector<float> first_weight, second_weight;  ///< 0 in the padding

    /// `taps` of the `size` interpolated columns; `count` columns from `pad` before the first on.
    UpsampledColumns(const LinearTap* taps, int size, int pad, int count);
};

/// A convolution (stride 1) to one channel of a bilinearly resized channels-last tensor. Both are linear: the channels
/// are summed up for every tap of the filter before the interpolation, which so works on `kernel_height · kernel_width`
/// numbers a pixel instead of all channels.
struct UpsampledConv {
    int batch = 1, channels = 0, in_height = 0, in_width = 0, resized_height = 0;
    int out_height = 0, out_width = 0, kernel_height = 0, kernel_width = 0, pad_top = 0;
    DType type = DType::f32;  ///< of the input: f32, bf16 or f16
    const void* input = nullptr;
    Pitch input_pitch;
    const LinearTap* rows = nullptr;            ///< `resized_height`
    const UpsampledColumns* columns = nullptr;  ///< out_width + kernel_width - 1, from the left padding on
    const float* weights = nullptr;             ///< see `upsampled_pack`
    float bias = 0;
    Activation activation = Activation::none;
    float alpha = 0, beta = 0;
    DType output_type = DType::f32;  ///< f32, bf16 or f16
    void* output = nullptr;          ///< dense
};

std::size_t upsampled_packed_size(const UpsampledConv& conv);  ///< in floats
/// Packs `filter` [channels][kernel_height][kernel_width].
void upsampled_pack(const UpsampledConv& conv, const float* filter, float* packed);

std::size_t upsampled_workspace(const UpsampledConv& conv, int threads);
void upsampled_conv(const UpsampledConv& conv, void* workspace, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
