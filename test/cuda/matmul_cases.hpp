#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

inline constexpr Case kMatmulCases[] = {
    {"matmul_of_broadcast_batches", R"(graph "g" {
      input %a : f32[2, 1, 40, 24]
      input %b : f32[3, 24, 56]
      input %r : f32[2, 3, 40, 56]
      %m : f32[2, 3, 40, 56] = MatMul(%a, %b)
      %s : f32[2, 3, 40, 56] = Add(%m, %r)
      %y : f32[2, 3, 40, 56] = Relu(%s)
      output "y" = %y
    })",
     "matmul", 1},
    {"matmul_large", R"(graph "g" {
      input %a : f32[4, 200, 136]
      input %b : f32[4, 136, 264]
      %y : f32[4, 200, 264] = MatMul(%a, %b)
      output "y" = %y
    })",
     "matmul", 2},
    {"matmul_odd", R"(graph "g" {
      input %a : f32[5, 33, 37]
      input %b : f32[37, 7]
      %y : f32[5, 33, 7] = MatMul(%a, %b)
      output "y" = %y
    })",
     "matmul", 1},
    {"matmul_constant_left", R"(graph "g" {
      const %a : f32[10, 64] = random(1)
      input %b : f32[3, 64, 20]
      %y : f32[3, 10, 20] = MatMul(%a, %b)
      output "y" = %y
    })",
     "matmul", 1},
    {"matmul_vectors", R"(graph "g" {
      input %a : f32[3, 5, 40]
      input %b : f32[40]
      %y : f32[3, 5] = MatMul(%a, %b)
      output "y" = %y
    })",
     "matmul", 1},
    {"gemm_of_two_activations", R"(graph "g" {
      input %a : f32[70, 36]
      input %b : f32[44, 70]
      input %c : f32[36, 1]
      %y : f32[36, 44] = Gemm(%a, %b, %c) {alpha = 0.5f, beta = 2f, transA = 1, transB = 1}
      output "y" = %y
    })",
     "matmul", 1},
    {"gemm_transposed_left", R"(graph "g" {
      input %a : f32[70, 36]
      input %b : f32[70, 44]
      input %c : f32[36, 44]
      %y : f32[36, 44] = Gemm(%a, %b, %c) {transA = 1}
      output "y" = %y
    })",
     "matmul", 1},
};

}  // namespace fovea::backend
