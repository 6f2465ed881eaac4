#pragma once

#include <array>

#include "backend/backend.hpp"

namespace fovea::backend {

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

/// A mask as stored: rows of what is added to the scores, or (boolean) of which keys are seen.
struct AttentionMask {
    std::size_t input;
    DType type;
    std::int64_t rows, columns, pitch;
    std::array<std::int64_t, 3> steps;  ///< rows from one batch, head and query to the next; 0 where they share
};
bool has_attention_mask(const ir::Node& attention);
AttentionMask read_attention_mask(const RegionContext& context, const Tactic& tactic);

/// Why no kernel of this library computes the attention: caches, further outputs, unknown shapes, other types.
std::optional<Refusal> attention_refusal(const MatchContext& context, const ir::Node& attention);

}  // namespace fovea::backend
