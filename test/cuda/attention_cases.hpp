#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

inline constexpr Case kAttentionCases[] = {
    {"attention_of_packed_heads", R"(graph "g" {
      input %q : f32[2, 75, 64]
      input %k : f32[2, 131, 64]
      input %v : f32[2, 131, 64]
      %y : f32[2, 75, 64] = Attention(%q, %k, %v) {q_num_heads = 2, kv_num_heads = 2}
      output "y" = %y
    })",
     "attention", 8},
    {"attention_of_small_heads", R"(graph "g" {
      input %q : f32[1, 100, 96]
      input %k : f32[1, 100, 96]
      input %v : f32[1, 100, 96]
      %y : f32[1, 100, 96] = Attention(%q, %k, %v) {q_num_heads = 8, kv_num_heads = 8}
      output "y" = %y
    })",
     "attention", 8},
    {"attention_of_odd_heads", R"(graph "g" {
      input %q : f32[2, 4, 5, 7]
      input %k : f32[2, 2, 37, 7]
      input %v : f32[2, 2, 37, 3]
      %y : f32[2, 4, 5, 3] = Attention(%q, %k, %v) {softcap = 0.5f, scale = -0.3f}
      output "y" = %y
    })",
     "attention", 4},
    {"attention_of_wide_heads", R"(graph "g" {
      input %q : f32[1, 2, 33, 128]
      input %k : f32[1, 2, 300, 128]
      input %v : f32[1, 2, 300, 120]
      %y : f32[1, 2, 33, 120] = Attention(%q, %k, %v) {is_causal = 1}
      output "y" = %y
    })",
     "attention", 4},
    {"attention_behind_an_added_mask", R"(graph "g" {
      input %q : f32[1, 2, 5, 32]
      input %k : f32[1, 2, 7, 32]
      input %v : f32[1, 2, 7, 32]
      const %m : f32[5, 6] = [0, 1, -inf, 2, 0, 1, -inf, -inf, -inf, -inf, -inf, -inf, 0, 0, 0, 0, 0, 0, -inf, 3, 0, 0, 0, -inf, -100, -100, -100, -100, -100, -100]
      %y : f32[1, 2, 5, 32] = Attention(%q, %k, %v, %m)
      output "y" = %y
    })",
     "attention", 4},
    {"attention_in_a_window_behind_a_boolean_mask", R"(graph "g" {
      input %q : f32[2, 90, 48]
      input %k : f32[2, 70, 48]
      input %v : f32[2, 70, 48]
      input %m : bool[2, 1, 90, 70]
      %y : f32[2, 90, 48] = Attention(%q, %k, %v, %m) {q_num_heads = 2, kv_num_heads = 2, left_window_size = 9, right_window_size = 20}
      output "y" = %y
    })",
     "attention", 4},
};

}  // namespace fovea::backend
