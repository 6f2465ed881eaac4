#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// Maximum or average over windows of a channels-last tensor. Padding never wins a maximum.
struct Pool {
    enum class Kind : std::uint8_t {
        max,
        average,         ///< over the elements inside the tensor
        average_padded,  ///< over all elements of the window inside the padded extent
    };
    Kind kind = Kind::max;
    int batch = 1, channels = 0;
    int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
    int kernel_height = 0, kernel_width = 0;
    int stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
    int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
    DType type = DType::f32;  ///< f32, bf16 or f16
    const void* input = nullptr;
    Pitch input_pitch;
    void* output = nullptr;
    Pitch output_pitch;
};

void pool(const Pool& pool, int threads) noexcept;

/// Average over all pixels of each image and channel: `rows` = batch; output [batch][channels] with `output_pitch`
/// elements between images, of the input's type.
struct GlobalAveragePool {
    int batch = 1, channels = 0, height = 0, width = 0;
    DType type = DType::f32;
    const void* input = nullptr;
    Pitch input_pitch;
    void* output = nullptr;
    std::int64_t output_pitch = 0;
};

void global_average_pool(const GlobalAveragePool& pool, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
