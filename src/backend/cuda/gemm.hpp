#pragma once

#include "backend/cuda/mma_conv.hpp"

namespace fovea::backend::cuda {

/// Why MatMul or Gemm `node` is no product of rows, of a length that `piece` divides, with one matrix, but for a vector
/// that is added. Where its factors and the vector come from is not looked at.
std::optional<Refusal> gemm_refusal(const MatchContext& context, const ir::Node& node, std::int64_t piece);

/// The numbers of kernels/conv.cuh for such a node, whose rows are those of `source`: a 1x1 convolution of images of
/// one pixel.
MmaProblem gemm_problem(const RegionContext& context, const Tactic& tactic, const ir::Node& node, ir::ValueId source,
                        ir::ValueId weights);

}  // namespace fovea::backend::cuda
