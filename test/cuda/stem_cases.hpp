#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

/// What reaches every branch of kernels/stem_warpgroup.cuh, on compute capability 9.0.
inline constexpr Case kStemCases[] = {
    {"stem_pooled", R"(graph "g" {
      input %x : f32[2, 3, 70, 132]
      const %w : f32[64, 3, 7, 7] = random(1)
      const %b : f32[64] = random(2)
      %c : f32[2, 64, 35, 66] = Conv(%x, %w, %b) {pads = [3, 3, 3, 3], strides = [2, 2]}
      %r : f32[2, 64, 35, 66] = Relu(%c)
      %y : f32[2, 64, 18, 33] = MaxPool(%r) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "stem_pool", 3},
    {"stem_pooled_negative", R"(graph "g" {
      input %x : f32[3, 1, 45, 62]
      const %w : f32[24, 1, 3, 3] = random(1)
      %c : f32[3, 24, 22, 31] = Conv(%x, %w) {pads = [0, 1, 0, 1], strides = [2, 2]}
      %y : f32[3, 24, 11, 16] = MaxPool(%c) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "stem_pool", 3},
    // The image stays f32, as scales do.
    {"stem_pooled_cast", R"(graph "g" {
      input %scales : f32[1, 3, 39, 44]
      const %w : bf16[32, 3, 5, 5] = random(1)
      %h : bf16[1, 3, 39, 44] = Cast(%scales) {to = 16}
      %c : bf16[1, 32, 20, 22] = Conv(%h, %w) {pads = [2, 2, 2, 2], strides = [2, 2]}
      %y : bf16[1, 32, 10, 11] = MaxPool(%c) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "stem_pool", 3},
    {"stem_pooled_odd", R"(graph "g" {
      input %x : f32[1, 3, 39, 45]
      const %w : f32[16, 3, 5, 5] = random(1)
      %c : f32[1, 16, 20, 23] = Conv(%x, %w) {pads = [2, 2, 2, 2], strides = [2, 2]}
      %y : f32[1, 16, 10, 12] = MaxPool(%c) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "stem_pool", 3},
    {"stem_residual", R"(graph "g" {
      input %x : f32[1, 4, 37, 50]
      input %r : f32[1, 12, 18, 13]
      const %w : f32[12, 4, 5, 7] = random(1)
      %c : f32[1, 12, 18, 13] = Conv(%x, %w) {pads = [1, 3, 2, 3], strides = [2, 4]}
      %y : f32[1, 12, 18, 13] = Add(%c, %r)
      output "y" = %y
    })",
     "conv", 3},
    // More steps than a GPU computes at once: blocks go on to their next ones.
    {"stem_pooled_many_steps", R"(graph "g" {
      input %x : f32[3, 3, 240, 320]
      const %w : f32[16, 3, 5, 5] = random(1)
      %c : f32[3, 16, 120, 160] = Conv(%x, %w) {pads = [2, 2, 2, 2], strides = [2, 2]}
      %y : f32[3, 16, 60, 80] = MaxPool(%c) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "stem_pool", 3},
    {"stem_many_steps", R"(graph "g" {
      input %x : f32[3, 3, 240, 320]
      const %w : f32[16, 3, 3, 3] = random(1)
      %y : f32[3, 16, 120, 160] = Conv(%x, %w) {pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "conv", 3},
};

}  // namespace fovea::backend
