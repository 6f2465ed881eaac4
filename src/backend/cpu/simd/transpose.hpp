#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// output[i][column][row] = input[i][row][column] for a batch of matrices, converting between f32 and bf16 on the way.
/// Turns plain (NCHW) into channels-last tensors (rows: channels, columns: pixels) and back.
struct Transpose {
    std::int64_t batch = 1, rows = 0, columns = 0;
    DType input_type = DType::f32, output_type = DType::f32;  ///< f32 or bf16
    const void* input = nullptr;
    std::int64_t input_pitch = 0, input_step = 0;  ///< elements between rows, and between matrices
    void* output = nullptr;
    std::int64_t output_pitch = 0, output_step = 0;  ///< elements between columns, and between matrices
};

void transpose(const Transpose& transpose, int threads) noexcept;

/// Copies `rows` x `columns` elements between pitches, converting between f32, bf16 and (input only) u8.
struct Convert {
    std::int64_t rows = 1, columns = 0;
    DType input_type = DType::f32, output_type = DType::f32;
    const void* input = nullptr;
    std::int64_t input_pitch = 0;
    void* output = nullptr;
    std::int64_t output_pitch = 0;
};

void convert(const Convert& convert, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
