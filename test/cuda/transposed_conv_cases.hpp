#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

/// Transposed convolutions that tensor cores compute: kernels that fit their strides, overlap and leave gaps.
inline constexpr Case kTransposedConvCases[] = {
    {"transposed_conv_apart", R"(graph "g" {
      input %x : f32[2, 64, 9, 13]
      const %w : f32[64, 48, 2, 2] = random(1)
      const %b : f32[48] = random(2)
      %c : f32[2, 48, 18, 26] = ConvTranspose(%x, %w, %b) {strides = [2, 2]}
      %y : f32[2, 48, 18, 26] = Relu(%c)
      output "y" = %y
    })",
     "transposed_conv", 3},
    {"transposed_conv_overlap", R"(graph "g" {
      input %x : f32[2, 128, 15, 20]
      input %r : f32[2, 64, 30, 40]
      const %w : f32[128, 64, 4, 4] = random(1)
      const %b : f32[64] = random(2)
      %c : f32[2, 64, 30, 40] = ConvTranspose(%x, %w, %b) {pads = [1, 1, 1, 1], strides = [2, 2]}
      %y : f32[2, 64, 30, 40] = Add(%c, %r)
      output "y" = %y
    })",
     "transposed_conv", 3},
    {"transposed_conv_uneven_phases", R"(graph "g" {
      input %x : f32[1, 96, 11, 10]
      const %w : f32[96, 32, 3, 3] = random(1)
      %y : f32[1, 32, 22, 20] = ConvTranspose(%x, %w) {pads = [1, 1, 1, 1], strides = [2, 2], output_padding = [1, 1]}
      output "y" = %y
    })",
     "transposed_conv", 4},
    {"transposed_conv_cropped", R"(graph "g" {
      input %x : f32[2, 32, 7, 12]
      const %w : f32[32, 8, 5, 3] = random(1)
      const %b : f32[8] = random(2)
      %y : f32[2, 8, 20, 14] = ConvTranspose(%x, %w, %b) {pads = [1, 0, 2, 0], strides = [3, 1]}
      output "y" = %y
    })",
     "transposed_conv", 3},
    {"transposed_conv_one_output", R"(graph "g" {
      input %x : f32[1, 16, 24, 40]
      const %w : f32[16, 1, 4, 4] = random(1)
      %c : f32[1, 1, 48, 80] = ConvTranspose(%x, %w) {pads = [1, 1, 1, 1], strides = [2, 2]}
      %y : f32[1, 1, 48, 80] = Sigmoid(%c)
      output "y" = %y
    })",
     "transposed_conv", 2},
    {"transposed_conv_gaps", R"(graph "g" {
      input %x : f32[1, 10, 6, 5]
      const %w : f32[10, 12, 1, 2] = random(1)
      %y : f32[1, 12, 11, 14] = ConvTranspose(%x, %w) {strides = [2, 3]}
      output "y" = %y
    })",
     "transposed_conv", 2},
};

}  // namespace fovea::backend
