#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// softmax(scale Q K^T + bias) V for every head, in blocks of query rows whose scores never leave the cache.
struct Attention {
    /// Rows of a tensor: element (batch, head, row, i) lies at batch · batch_step + head · head_step + row · row_step +
    /// i.
    struct Operand {
        const void* data = nullptr;
        std::int64_t batch_step = 0, head_step = 0, row_step = 0;
    };
    std::int64_t batch = 1, heads = 1, queries = 0, keys = 0;
    std::int64_t width = 0, value_width = 0;  ///< elements of a row of Q and K, and of V and the output
    DType type = DType::f32;                  ///< of Q, K, V and the output: f32, bf16 or f16
    DType multiply =
        DType::f32;  ///< f32; or bf16 for bf16 tensors, rounding probabilities, where `target_has_bf16_products()`
    Operand query, key, value;
    Operand bias;  ///< f32, [batch][head][query][key]; steps of 0 broadcast; -infinity masks (a query
                   ///< without keys gives zeros); or no data
    void* output = nullptr;
    std::int64_t output_batch_step = 0, output_head_step = 0, output_row_step = 0;
    float scale = 1;  ///< above 0
};

/// Bytes of scratch memory for this shape (pointers are not read).
std::size_t attention_workspace(const Attention& attention, int threads);
void attention(const Attention& attention, void* workspace, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
