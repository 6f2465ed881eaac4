#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// Kernels on rows of `width` neighbouring elements; rows are `pitch` elements apart.
struct Rows {
    std::int64_t count = 0, width = 0;
};

/// Softmax (or its logarithm) of every row: exp(x - max) / sum.
struct Softmax {
    Rows rows;
    DType type = DType::f32;  ///< of input and output: f32, bf16 or f16
    const void* input = nullptr;
    std::int64_t input_pitch = 0;
    void* output = nullptr;
    std::int64_t output_pitch = 0;
    bool logarithm = false;
};
void softmax(const Softmax& softmax, int threads) noexcept;

/// (x + residual - mean) / sqrt(variance + epsilon) · scale + shift over every row.
struct LayerNorm {
    Rows rows;
    DType type = DType::f32;  ///< of all tensors but scale and shift: f32, bf16 or f16
    const void* input = nullptr;
    std::int64_t input_pitch = 0;
    const void* residual = nullptr;  ///< or none
    std::int64_t residual_pitch = 0;
    void* sum = nullptr;  ///< receives x + residual, or nothing
    std::int64_t sum_pitch = 0;
    void* output = nullptr;
    std::int64_t output_pitch = 0;
    const float *scale = nullptr, *shift = nullptr;  ///< `width` each, or none
    float epsilon = 1e-5f;
    bool root_mean_square = false;  ///< RMS normalisation: no mean is subtracted
};
std::size_t layer_norm_workspace(const LayerNorm& norm, int threads);
void layer_norm(const LayerNorm& norm, void* workspace, int threads) noexcept;

/// Position of the largest element of every row, the first of equals; NaN is larger than everything.
struct ArgMax {
    Rows rows;
    DType type = DType::f32;  ///< f32, bf16 or f16
    const void* input = nullptr;
    std::int64_t input_pitch = 0;
    void* output = nullptr;          ///< one per row, dense
    DType output_type = DType::i64;  ///< i64, i32 or u8
};
void arg_max(const ArgMax& arg_max, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
