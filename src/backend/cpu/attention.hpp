#pragma once

#include "backend/attention_region.hpp"
#include "backend/family.hpp"

namespace fovea::backend::cpu {

/// Attention as products and softmax of oneDNN, one block of query rows of one head at a time. Takes no mask.
std::unique_ptr<Kernel> prepare_onednn_attention(const AttentionRegion& region, int threads);

}  // namespace fovea::backend::cpu
