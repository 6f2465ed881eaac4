#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

/// What reaches every branch of kernels/warpgroup.cuh, large pooling windows, resizing to planes.
inline constexpr Case kProductCases[] = {
    {"conv_wide_residual", R"(graph "g" {
      input %x : f32[2, 64, 30, 27]
      input %r : f32[2, 128, 30, 27]
      const %w : f32[128, 64, 3, 3] = random(1)
      const %b : f32[128] = random(2)
      %c : f32[2, 128, 30, 27] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}
      %s : f32[2, 128, 30, 27] = Add(%c, %r)
      %y : f32[2, 128, 30, 27] = Relu(%s)
      output "y" = %y
    })",
     "conv", 3},
    {"conv_finished_in_f32", R"(graph "g" {
      input %x : f32[2, 16, 20, 23]
      const %w : f32[8, 16, 3, 3] = random(1)
      const %scales : f32[1] = [3]
      %c : f32[2, 8, 20, 23] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      %d : undefined[*] = Cast(%c) {to = 1}
      %e : undefined[*] = Sigmoid(%d)
      %f : undefined[*] = Mul(%e, %scales)
      %g : undefined[*] = Add(%f, %scales)
      %y : undefined[*] = Reciprocal(%g)
      output "y" = %y
    })",
     "conv", 1},
    {"conv_many_images", R"(graph "g" {
      input %x : f32[9, 32, 16, 40]
      const %w : f32[64, 32, 3, 3] = random(1)
      %y : f32[9, 64, 16, 40] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      output "y" = %y
    })",
     "conv", 3},
    {"conv_many_odd_outputs", R"(graph "g" {
      input %x : f32[3, 64, 20, 20]
      const %w : f32[324, 64, 3, 3] = random(1)
      const %b : f32[324] = random(2)
      %y : f32[3, 324, 20, 20] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}
      output "y" = %y
    })",
     "conv", 3},
    {"conv_small_images", R"(graph "g" {
      input %x : f32[5, 256, 7, 7]
      const %w : f32[96, 256, 3, 3] = random(1)
      %y : f32[5, 96, 7, 7] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      output "y" = %y
    })",
     "conv", 3},
    {"conv_one_tap", R"(graph "g" {
      input %x : f32[3, 136, 13, 11]
      const %w : f32[256, 136, 1, 1] = random(1)
      const %b : f32[256] = random(2)
      %y : f32[3, 256, 13, 11] = Conv(%x, %w, %b)
      output "y" = %y
    })",
     "conv", 3},
    {"conv_one_tap_strided", R"(graph "g" {
      input %x : f32[2, 64, 27, 22]
      const %w : f32[72, 64, 1, 1] = random(1)
      %y : f32[2, 72, 14, 11] = Conv(%x, %w) {strides = [2, 2]}
      output "y" = %y
    })",
     "conv", 3},
    {"conv_strided", R"(graph "g" {
      input %x : f32[3, 128, 29, 37]
      const %w : f32[64, 128, 3, 3] = random(1)
      %c : f32[3, 64, 15, 19] = Conv(%x, %w) {strides = [2, 2], pads = [1, 1, 1, 1]}
      %y : f32[3, 64, 15, 19] = Relu(%c)
      output "y" = %y
    })",
     "conv", 3},
    {"conv_strided_unevenly", R"(graph "g" {
      input %x : f32[1, 48, 31, 100]
      const %w : f32[20, 48, 3, 4] = random(1)
      %y : f32[1, 20, 29, 34] = Conv(%x, %w) {strides = [1, 3], pads = [0, 1, 0, 2], dilations = [1, 1]}
      output "y" = %y
    })",
     "conv", 3},
    {"conv_one_output", R"(graph "g" {
      input %x : f32[1, 32, 18, 40]
      input %skip : f32[1, 16, 36, 80]
      const %w : f32[1, 48, 3, 3] = random(1)
      const %scales : f32[4] = [1, 1, 2, 2]
      const %pads : i64[8] = [0, 0, 1, 1, 0, 0, 1, 1]
      %u : f32[1, 32, 36, 80] = Resize(%x, _, %scales) {mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"}
      %k : f32[1, 48, 36, 80] = Concat(%u, %skip) {axis = 1}
      %p : f32[1, 48, 38, 82] = Pad(%k, %pads) {mode = "reflect"}
      %c : f32[1, 1, 36, 80] = Conv(%p, %w)
      %y : f32[1, 1, 36, 80] = Sigmoid(%c)
      output "y" = %y
    })",
     "conv", 1},
    {"conv_narrow_dilated", R"(graph "g" {
      input %x : f32[1, 16, 40, 70]
      const %w : f32[12, 16, 3, 5] = random(1)
      %y : f32[1, 12, 37, 68] = Conv(%x, %w) {pads = [0, 3, 1, 3], dilations = [2, 2]}
      output "y" = %y
    })",
     "conv", 3},
    {"conv_edge", R"(graph "g" {
      input %x : f32[1, 24, 20, 9]
      const %w : f32[32, 24, 3, 3] = random(1)
      const %pads : i64[8] = [0, 0, 1, 1, 0, 0, 1, 1]
      %p : f32[1, 24, 22, 11] = Pad(%x, %pads) {mode = "edge"}
      %c : f32[1, 32, 20, 9] = Conv(%p, %w)
      %y : f32[1, 32, 20, 9] = Elu(%c)
      output "y" = %y
    })",
     "conv", 3},
    {"depthwise_strided", R"(graph "g" {
      input %x : f32[2, 40, 17, 30]
      const %w : f32[40, 1, 3, 5] = random(1)
      const %b : f32[40] = random(2)
      %c : f32[2, 40, 9, 14] = Conv(%x, %w, %b) {group = 40, pads = [1, 2, 1, 1], strides = [2, 2]}
      %y : f32[2, 40, 9, 14] = Relu(%c)
      output "y" = %y
    })",
     "conv", 2},
    {"depthwise_dilated", R"(graph "g" {
      input %x : f32[1, 6, 11, 13]
      const %w : f32[6, 1, 3, 3] = random(1)
      %y : f32[1, 6, 11, 13] = Conv(%x, %w) {group = 6, pads = [2, 2, 2, 2], dilations = [2, 2]}
      output "y" = %y
    })",
     "conv", 2},
    {"average_pool_large_windows", R"(graph "g" {
      input %x : f32[2, 24, 16, 23]
      %y : f32[2, 24, 5, 5] = AveragePool(%x) {kernel_shape = [8, 9], strides = [3, 4], pads = [2, 1, 2, 1]}
      output "y" = %y
    })",
     "pool", 1},
    {"max_pool_large_windows", R"(graph "g" {
      input %x : f32[2, 12, 16, 23]
      %c : f32[2, 12, 3, 5] = MaxPool(%x) {kernel_shape = [7, 7], strides = [4, 4]}
      %y : f32[2, 12, 3, 5] = Relu(%c)
      output "y" = %y
    })",
     "pool", 1},
    {"resize_odd_channels", R"(graph "g" {
      input %x : f32[2, 19, 9, 7]
      input %r : f32[2, 19, 36, 21]
      const %scales : f32[4] = [1, 1, 4, 3]
      %u : f32[2, 19, 36, 21] = Resize(%x, _, %scales) {mode = "cubic"}
      %y : f32[2, 19, 36, 21] = Add(%u, %r)
      output "y" = %y
    })",
     "resize", 2},
    {"gemm_deep", R"(graph "g" {
      input %x : f32[70, 1024]
      const %w : f32[1024, 1000] = random(1)
      %y : f32[70, 1000] = MatMul(%x, %w)
      output "y" = %y
    })",
     "gemm", 3},
};

}  // namespace fovea::backend
