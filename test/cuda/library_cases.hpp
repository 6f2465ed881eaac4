#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

/// Regions whose epilogues NVIDIA's libraries compute as well.
inline constexpr Case kLibraryCases[] = {
    {"pointwise_conv_residual_relu", R"(graph "g" {
      input %x : f32[2, 64, 15, 13]
      input %r : f32[2, 40, 15, 13]
      const %w : f32[40, 64, 1, 1] = random(1)
      const %b : f32[40] = random(2)
      %c : f32[2, 40, 15, 13] = Conv(%x, %w, %b)
      %s : f32[2, 40, 15, 13] = Add(%c, %r)
      %y : f32[2, 40, 15, 13] = Relu(%s)
      output "y" = %y
    })",
     "conv", 3},
    {"conv_silu_odd_padding", R"(graph "g" {
      input %x : f32[1, 24, 11, 10]
      const %w : f32[16, 24, 3, 3] = random(1)
      const %b : f32[16] = random(2)
      %c : f32[1, 16, 11, 10] = Conv(%x, %w, %b) {pads = [2, 1, 0, 1]}
      %g : f32[1, 16, 11, 10] = Sigmoid(%c)
      output "y" = %g
    })",
     "conv", 3},
    {"conv_dilated_without_bias", R"(graph "g" {
      input %x : f32[1, 32, 12, 12]
      const %w : f32[32, 32, 3, 3] = random(1)
      %c : f32[1, 32, 12, 12] = Conv(%x, %w) {pads = [2, 2, 2, 2], dilations = [2, 2]}
      output "y" = %c
    })",
     "conv", 3},
    {"grouped_conv_relu", R"(graph "g" {
      input %x : f32[1, 64, 9, 9]
      const %w : f32[64, 16, 3, 3] = random(1)
      const %b : f32[64] = random(2)
      %c : f32[1, 64, 9, 9] = Conv(%x, %w, %b) {group = 4, pads = [1, 1, 1, 1]}
      %y : f32[1, 64, 9, 9] = Relu(%c)
      output "y" = %y
    })",
     "conv", 1},
    {"matmul_bias_gelu", R"(graph "g" {
      input %x : f32[2, 35, 64]
      const %w : f32[64, 48] = random(1)
      const %b : f32[48] = random(2)
      %m : f32[2, 35, 48] = MatMul(%x, %w)
      %s : f32[2, 35, 48] = Add(%m, %b)
      %y : f32[2, 35, 48] = Gelu(%s) {approximate = "tanh"}
      output "y" = %y
    })",
     "gemm", 2},
    {"matmul_residual", R"(graph "g" {
      input %x : f32[2, 35, 64]
      input %r : f32[2, 35, 48]
      const %w : f32[64, 48] = random(1)
      const %b : f32[48] = random(2)
      %m : f32[2, 35, 48] = MatMul(%x, %w)
      %s : f32[2, 35, 48] = Add(%m, %b)
      %y : f32[2, 35, 48] = Add(%s, %r)
      output "y" = %y
    })",
     "gemm", 2},
};

}  // namespace fovea::backend
