#pragma once

#include <string>

#include "ir/text.hpp"

namespace fovea::backend {

struct Case {
    const char* name;
    const char* text;  ///< with f32 in the place of the tested type
    const char* pattern;
    std::size_t tactics;  ///< that must be offered at least
};

inline constexpr Case kCases[] = {
    {"conv_bias_residual_relu", R"(graph "g" {
      input %x : f32[1, 64, 14, 14]
      input %r : f32[1, 96, 7, 7]
      const %w : f32[96, 64, 3, 3] = random(1)
      const %b : f32[96] = random(2)
      %c : f32[1, 96, 7, 7] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1], strides = [2, 2]}
      %s : f32[1, 96, 7, 7] = Add(%c, %r)
      %y : f32[1, 96, 7, 7] = Relu(%s)
      output "y" = %y
    })",
     "conv", 3},
    {"conv_reflected_upsampled_concatenated", R"(graph "g" {
      input %x : f32[1, 24, 6, 7]
      input %skip : f32[1, 10, 12, 14]
      const %w : f32[1, 34, 3, 3] = random(1)
      const %scales : f32[4] = [1, 1, 2, 2]
      const %pads : i64[8] = [0, 0, 1, 1, 0, 0, 1, 1]
      %u : f32[1, 24, 12, 14] = Resize(%x, _, %scales) {mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"}
      %k : f32[1, 34, 12, 14] = Concat(%u, %skip) {axis = 1}
      %p : f32[1, 34, 14, 16] = Pad(%k, %pads) {mode = "reflect"}
      %c : f32[1, 1, 12, 14] = Conv(%p, %w)
      %y : f32[1, 1, 12, 14] = Sigmoid(%c)
      output "y" = %y
    })",
     "conv", 1},
    {"first_convolution", R"(graph "g" {
      input %x : f32[2, 3, 33, 47]
      const %w : f32[20, 3, 7, 7] = random(1)
      %y : f32[2, 20, 17, 24] = Conv(%x, %w) {pads = [3, 3, 3, 3], strides = [2, 2]}
      output "y" = %y
    })",
     "conv", 2},
    {"depthwise_convolution", R"(graph "g" {
      input %x : f32[1, 24, 9, 9]
      const %w : f32[24, 1, 3, 3] = random(1)
      %c : f32[1, 24, 9, 9] = Conv(%x, %w) {group = 24, pads = [1, 1, 1, 1]}
      %y : f32[1, 24, 9, 9] = Gelu(%c)
      output "y" = %y
    })",
     "conv", 1},
    {"gemm", R"(graph "g" {
      input %x : f32[3, 128]
      const %w : f32[10, 128] = random(1)
      const %b : f32[10] = random(2)
      %y : f32[3, 10] = Gemm(%x, %w, %b) {transB = 1}
      output "y" = %y
    })",
     "gemm", 1},
    {"max_pool", R"(graph "g" {
      input %x : f32[1, 16, 9, 9]
      %y : f32[1, 16, 5, 5] = MaxPool(%x) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]}
      output "y" = %y
    })",
     "pool", 1},
    {"global_average_pool", R"(graph "g" {
      input %x : f32[1, 16, 9, 9]
      %y : f32[1, 16, 1, 1] = GlobalAveragePool(%x)
      output "y" = %y
    })",
     "pool", 1},
    {"resize", R"(graph "g" {
      input %x : f32[1, 16, 9, 9]
      const %scales : f32[4] = [1, 1, 2, 2]
      %y : f32[1, 16, 18, 18] = Resize(%x, _, %scales) {mode = "linear"}
      output "y" = %y
    })",
     "resize", 2},
    {"pointwise", R"(graph "g" {
      input %x : f32[2, 6, 5, 7]
      input %g : f32[2, 6, 1, 1]
      %m : f32[2, 6, 5, 7] = Mul(%x, %g)
      %e : f32[2, 6, 5, 7] = Exp(%m)
      %y : f32[2, 6, 5, 7] = HardSwish(%e)
      output "y" = %y
    })",
     "pointwise", 2},
    {"concat", R"(graph "g" {
      input %a : f32[2, 6, 5, 7]
      input %b : f32[2, 2, 5, 7]
      %y : f32[2, 8, 5, 7] = Concat(%a, %b) {axis = 1}
      output "y" = %y
    })",
     "concat", 2},
};

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

/// The case in another type; the factors of Resize stay f32.
inline ir::Graph graph_of(const Case& one, const std::string& type) {
    std::string text = replaced(one.text, "f32", type);
    return ir::parse(replaced(text, "%scales : " + type, "%scales : f32"));
}

}  // namespace fovea::backend
