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
    {"layer_norm_twice", R"(graph "g" {
      input %x : f32[2, 150, 64]
      const %s : f32[64] = random(1)
      const %t : f32[64] = random(2)
      const %u : f32[64] = random(3)
      %n : f32[2, 150, 64] = LayerNormalization(%x, %s, %t)
      %m : f32[2, 150, 64] = LayerNormalization(%n, %u)
      %y : f32[2, 150, 64] = Relu(%m)
      output "n" = %n
      output "y" = %y
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
    {"top_k_whole", R"(graph "g" {
      input %x : f32[2, 2000]
      const %k : i64[1] = [100]
      %v : f32[2, 100], %i : i64[2, 100] = TopK(%x, %k) {axis = 1}
      output "v" = %v
      output "i" = %i
    })",
     "top_k", 1},
    {"top_k_searched", R"(graph "g" {
      input %x : f32[3, 8400]
      const %k : i64[1] = [300]
      %v : f32[3, 300], %i : i64[3, 300] = TopK(%x, %k) {axis = -1}
      output "v" = %v
      output "i" = %i
    })",
     "top_k", 1},
    {"top_k_long", R"(graph "g" {
      input %x : f32[1, 100000]
      const %k : i64[1] = [1000]
      %v : f32[1, 1000], %i : i64[1, 1000] = TopK(%x, %k) {axis = 1, largest = 0}
      output "v" = %v
      output "i" = %i
    })",
     "top_k", 1},
    {"top_k_columns", R"(graph "g" {
      input %x : f32[2, 5000, 3]
      const %k : i64[1] = [7]
      %v : f32[2, 7, 3], %i : i64[2, 7, 3] = TopK(%x, %k) {axis = 1}
      output "v" = %v
      output "i" = %i
    })",
     "top_k", 1},
    {"top_k_all", R"(graph "g" {
      input %x : f32[1, 19000]
      const %k : i64[1] = [16000]
      %v : f32[1, 16000], %i : i64[1, 16000] = TopK(%x, %k) {axis = 1}
      output "v" = %v
      output "i" = %i
    })",
     "top_k", 1},
    {"cum_sum_rows", R"(graph "g" {
      input %x : f32[5, 77]
      const %a : i64[] = [1]
      %y : f32[5, 77] = CumSum(%x, %a) {exclusive = 1, reverse = 1}
      output "y" = %y
    })",
     "cumulative", 1},
    {"cum_sum_columns", R"(graph "g" {
      input %x : f32[2, 50, 13]
      const %a : i64[] = [1]
      %y : f32[2, 50, 13] = CumSum(%x, %a)
      output "y" = %y
    })",
     "cumulative", 1},
    {"cum_prod_rows", R"(graph "g" {
      input %x : f32[5, 40]
      const %a : i64[] = [1]
      %y : f32[5, 40] = CumProd(%x, %a) {reverse = 1}
      output "y" = %y
    })",
     "cumulative", 1},
    {"group_norm", R"(graph "g" {
      input %x : f32[2, 64, 40, 52]
      const %s : f32[64] = random(1)
      const %b : f32[64] = random(2)
      %n : f32[2, 64, 40, 52] = GroupNormalization(%x, %s, %b) {num_groups = 8}
      %y : f32[2, 64, 40, 52] = Swish(%n)
      output "y" = %y
    })",
     "group_norm", 2},
    {"group_norm_small", R"(graph "g" {
      input %x : f32[3, 12, 5, 7]
      const %s : f32[12] = random(1)
      const %b : f32[12] = random(2)
      %n : f32[3, 12, 5, 7] = GroupNormalization(%x, %s, %b) {num_groups = 3}
      %y : f32[3, 12, 5, 7] = Relu(%n)
      output "y" = %y
    })",
     "group_norm", 1},
    {"instance_norm", R"(graph "g" {
      input %x : f32[2, 6, 100, 101]
      const %s : f32[6] = random(1)
      const %b : f32[6] = random(2)
      %n : f32[2, 6, 100, 101] = InstanceNormalization(%x, %s, %b) {epsilon = 0.001f}
      %y : f32[2, 6, 100, 101] = Relu(%n)
      output "y" = %y
    })",
     "group_norm", 1},
    {"lrn", R"(graph "g" {
      input %x : f32[2, 24, 7, 9]
      %n : f32[2, 24, 7, 9] = LRN(%x) {size = 5, alpha = 0.1f}
      %y : f32[2, 24, 7, 9] = Relu(%n)
      output "y" = %y
    })",
     "lrn", 2},
    {"lrn_even", R"(graph "g" {
      input %x : f32[2, 5, 8, 8]
      %y : f32[2, 5, 8, 8] = LRN(%x) {size = 4, bias = 2f, beta = 0.5f}
      output "y" = %y
    })",
     "lrn", 2},
};

}  // namespace fovea::backend
