#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

/// Normalisations, reductions and what else works on rows.
inline constexpr Case kRowCases[] = {
    {"layer_norm", R"(graph "g" {
      input %x : f32[3, 37, 32]
      const %s : f32[32] = random(1)
      const %b : f32[32] = random(2)
      %y : f32[3, 37, 32] = LayerNormalization(%x, %s, %b)
      output "y" = %y
    })",
     "layer_norm", 1},
    {"layer_norm_many_rows", R"(graph "g" {
      input %x : f32[1, 20011, 64]
      const %s : f32[64] = random(1)
      %n : f32[1, 20011, 64] = LayerNormalization(%x, %s)
      %y : f32[1, 20011, 64] = Gelu(%n)
      output "y" = %y
    })",
     "layer_norm", 1},
    {"layer_norm_uneven", R"(graph "g" {
      input %x : f32[5, 11, 7]
      const %s : f32[1] = random(1)
      const %b : f32[7] = random(2)
      %y : f32[5, 11, 7] = LayerNormalization(%x, %s, %b)
      output "y" = %y
    })",
     "layer_norm", 1},
    {"layer_norm_160", R"(graph "g" {
      input %x : f32[2, 150, 160]
      const %s : f32[160] = random(1)
      const %b : f32[160] = random(2)
      %y : f32[2, 150, 160] = LayerNormalization(%x, %s, %b)
      output "y" = %y
    })",
     "layer_norm", 1},
    {"layer_norm_long_rows", R"(graph "g" {
      input %x : f32[3, 41, 8, 33]
      const %s : f32[41, 8, 33] = random(1)
      const %b : f32[41, 8, 33] = random(2)
      %y : f32[3, 41, 8, 33] = LayerNormalization(%x, %s, %b) {axis = 1}
      output "y" = %y
    })",
     "layer_norm", 1},
    {"layer_norm_of_a_sum", R"(graph "g" {
      input %a : f32[2, 50, 256]
      input %b : f32[2, 50, 256]
      const %s : f32[256] = random(1)
      const %t : f32[256] = random(2)
      %x : f32[2, 50, 256] = Add(%a, %b)
      %n : f32[2, 50, 256] = LayerNormalization(%x, %s, %t)
      %y : f32[2, 50, 256] = Relu(%n)
      output "x" = %x
      output "y" = %y
    })",
     "layer_norm", 1},
    {"layer_norm_and_positions", R"(graph "g" {
      input %x : f32[2, 50, 256]
      const %s : f32[256] = random(1)
      const %t : f32[256] = random(2)
      const %p : f32[1, 50, 256] = random(3)
      %n : f32[2, 50, 256] = LayerNormalization(%x, %s, %t)
      %y : f32[2, 50, 256] = Add(%n, %p)
      output "n" = %n
      output "y" = %y
    })",
     "layer_norm", 1},
    {"layer_norm_statistics", R"(graph "g" {
      input %x : f32[2, 50, 48]
      input %s : f32[48]
      %y : f32[2, 50, 48], %m : undefined[*], %i : undefined[*] = LayerNormalization(%x, %s)
      output "y" = %y
      output "m" = %m
      output "i" = %i
    })",
     "layer_norm", 1},
    {"rms_norm", R"(graph "g" {
      input %x : f32[2, 50, 96]
      const %s : f32[96] = random(1)
      %y : f32[2, 50, 96] = RMSNormalization(%x, %s)
      output "y" = %y
    })",
     "layer_norm", 1},
    {"softmax_rows", R"(graph "g" {
      input %x : f32[2, 3, 19, 50]
      %y : f32[2, 3, 19, 50] = Softmax(%x) {axis = -1}
      output "y" = %y
    })",
     "softmax", 2},
    {"softmax_channels", R"(graph "g" {
      input %x : f32[2, 19, 12, 16]
      %y : f32[2, 19, 12, 16] = Softmax(%x) {axis = 1}
      output "y" = %y
    })",
     "softmax", 2},
    {"softmax_middle", R"(graph "g" {
      input %x : f32[1, 100, 8, 12]
      %y : f32[1, 100, 8, 12] = Softmax(%x) {axis = 2}
      output "y" = %y
    })",
     "softmax", 2},
    {"softmax_long_rows", R"(graph "g" {
      input %x : f32[2, 20000]
      %y : f32[2, 20000] = Softmax(%x) {axis = -1}
      output "y" = %y
    })",
     "softmax", 1},
    {"softmax_long_columns", R"(graph "g" {
      input %x : f32[3000, 24]
      %y : f32[3000, 24] = LogSoftmax(%x) {axis = 0}
      output "y" = %y
    })",
     "softmax", 1},
    {"log_softmax_rows", R"(graph "g" {
      input %x : f32[7, 1000]
      %y : f32[7, 1000] = LogSoftmax(%x) {axis = -1}
      output "y" = %y
    })",
     "softmax", 1},
    {"lp_normalization", R"(graph "g" {
      input %x : f32[2, 40, 5, 7]
      %y : f32[2, 40, 5, 7] = LpNormalization(%x) {axis = 1, p = 2}
      output "y" = %y
    })",
     "softmax", 2},
    {"lp_normalization_1", R"(graph "g" {
      input %x : f32[9, 1024]
      %y : f32[9, 1024] = LpNormalization(%x) {axis = 1, p = 1}
      output "y" = %y
    })",
     "softmax", 1},
    {"arg_max_channels", R"(graph "g" {
      input %x : f32[2, 19, 25, 31]
      %p : i64[2, 1, 25, 31] = ArgMax(%x) {axis = 1}
      %y : i32[2, 1, 25, 31] = Cast(%p) {to = 6}
      output "y" = %y
    })",
     "arg_reduce", 2},
    {"arg_min_rows", R"(graph "g" {
      input %x : f32[50, 300]
      %y : i64[50] = ArgMin(%x) {axis = 1, keepdims = 0, select_last_index = 1}
      output "y" = %y
    })",
     "arg_reduce", 1},
    {"arg_max_long_rows", R"(graph "g" {
      input %x : f32[3, 30001]
      %y : i64[3, 1] = ArgMax(%x) {axis = 1}
      output "y" = %y
    })",
     "arg_reduce", 1},
    {"arg_max_columns", R"(graph "g" {
      input %x : f32[40, 24]
      %p : i64[1, 24] = ArgMax(%x) {axis = 0}
      %y : u8[1, 24] = Cast(%p) {to = 2}
      output "y" = %y
    })",
     "arg_reduce", 1},
    {"arg_max_many_channels", R"(graph "g" {
      input %x : f32[1, 150, 16, 16]
      %y : i64[1, 1, 16, 16] = ArgMax(%x) {axis = 1}
      output "y" = %y
    })",
     "arg_reduce", 2},
    {"reduce_mean_pixels", R"(graph "g" {
      input %x : f32[2, 24, 9, 13]
      const %a : i64[2] = [2, 3]
      %m : f32[2, 24, 1, 1] = ReduceMean(%x, %a) 
      %y : f32[2, 24, 1, 1] = Sigmoid(%m)
      output "y" = %y
    })",
     "reduce", 3},
    {"reduce_max_channels", R"(graph "g" {
      input %x : f32[2, 24, 9, 13]
      const %a : i64[1] = [1]
      %y : f32[2, 9, 13] = ReduceMax(%x, %a) {keepdims = 0}
      output "y" = %y
    })",
     "reduce", 2},
    {"reduce_sum_batch_and_pixels", R"(graph "g" {
      input %x : f32[3, 16, 5, 6]
      const %a : i64[3] = [0, 2, 3]
      %y : f32[16] = ReduceSum(%x, %a) {keepdims = 0}
      output "y" = %y
    })",
     "reduce", 2},
    {"reduce_log_sum_exp_rows", R"(graph "g" {
      input %x : f32[100, 7]
      const %a : i64[1] = [1]
      %y : f32[100, 1] = ReduceLogSumExp(%x, %a) 
      output "y" = %y
    })",
     "reduce", 1},
    {"reduce_l2_all", R"(graph "g" {
      input %x : f32[64, 1030]
      const %a : i64[2] = [0, 1]
      %y : f32[] = ReduceL2(%x, %a) {keepdims = 0}
      output "y" = %y
    })",
     "reduce", 1},
    {"reduce_l1_columns", R"(graph "g" {
      input %x : f32[300, 40]
      const %a : i64[1] = [0]
      %y : f32[1, 40] = ReduceL1(%x, %a) 
      output "y" = %y
    })",
     "reduce", 1},
    {"reduce_min_alternating", R"(graph "g" {
      input %x : f32[3, 4, 5, 6, 7]
      const %a : i64[2] = [1, 3]
      %y : f32[3, 1, 5, 1, 7] = ReduceMin(%x, %a) 
      output "y" = %y
    })",
     "reduce", 2},
    {"reduce_sum_square_middle", R"(graph "g" {
      input %x : f32[8, 12, 100, 12]
      const %a : i64[1] = [2]
      %y : f32[8, 12, 12] = ReduceSumSquare(%x, %a) {keepdims = 0}
      output "y" = %y
    })",
     "reduce", 1},
};

}  // namespace fovea::backend
