#pragma once

#include <array>

#include "backend/family.hpp"

namespace fovea::backend::cpu {

/// Sizes and steps (in elements) of one tensor of an attention.
struct AttentionSide {
    std::int64_t batch, heads, rows, width;
    std::int64_t batch_step, head_step, row_step;
};

/// An attention region decoded: softmax(scale · Q Kᵀ + mask) V.
struct AttentionRegion {
    AttentionSide query, key, value, output;
    std::array<std::size_t, 3> inputs{};  ///< positions of query, key and value
    float scale = 1;
    DType type = DType::undefined;
};
AttentionRegion read_attention(const RegionContext& context, const Tactic& tactic);

/// Attention as products and softmax of oneDNN, one block of query rows of one head at a time. Takes no mask.
std::unique_ptr<Kernel> prepare_onednn_attention(const AttentionRegion& region, int threads);

}  // namespace fovea::backend::cpu
