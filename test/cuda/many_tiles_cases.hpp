#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

/// More tiles than a GPU computes at once, so that a block of kernels/warpgroup.cuh goes on to its next ones: with all
/// weights kept, with weights loaded for every tile, and along one row of pixels.
inline constexpr Case kManyTilesCases[] = {
    {"conv_many_tiles_residual", R"(graph "g" {
      input %x : f32[1, 16, 280, 280]
      input %r : f32[1, 32, 280, 280]
      const %w : f32[32, 16, 3, 3] = random(1)
      %c : f32[1, 32, 280, 280] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      %s : f32[1, 32, 280, 280] = Add(%c, %r)
      %y : f32[1, 32, 280, 280] = Relu(%s)
      output "y" = %y
    })",
     "conv", 3},
    {"conv_many_tiles_and_steps", R"(graph "g" {
      input %x : f32[1, 80, 150, 240]
      const %w : f32[32, 80, 3, 3] = random(1)
      %y : f32[1, 32, 150, 240] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      output "y" = %y
    })",
     "conv", 3},
    {"conv_many_tiles_one_tap", R"(graph "g" {
      input %x : f32[1, 24, 300, 300]
      const %w : f32[32, 24, 1, 1] = random(1)
      %y : f32[1, 32, 300, 300] = Conv(%x, %w)
      output "y" = %y
    })",
     "conv", 3},
};

}  // namespace fovea::backend
