#pragma once

#include "cuda/cases.hpp"

namespace fovea::backend {

inline constexpr Case kResizedConvCases[] = {
    {"resized_conv", R"(graph "g" {
      input %x : f32[2, 24, 9, 13]
      const %w : f32[1, 24, 3, 3] = random(1)
      const %b : f32[1] = [0.25]
      const %scales : f32[4] = [1, 1, 4, 3]
      %u : f32[2, 24, 36, 39] = Resize(%x, _, %scales) {mode = "linear"}
      %c : f32[2, 1, 36, 39] = Conv(%u, %w, %b) {pads = [1, 1, 1, 1]}
      %y : f32[2, 1, 36, 39] = Sigmoid(%c)
      output "y" = %y
    })",
     "resized_conv", 2},
    {"resized_conv_finished_in_f32", R"(graph "g" {
      input %x : f32[2, 16, 6, 11]
      const %w : f32[1, 16, 3, 3] = random(1)
      const %scales : f32[4] = [1, 1, 4, 4]
      %u : f32[2, 16, 24, 44] = Resize(%x, _, %scales) {mode = "linear"}
      %c : f32[2, 1, 24, 44] = Conv(%u, %w) {pads = [1, 1, 1, 1]}
      %d : undefined[*] = Cast(%c) {to = 1}
      %y : undefined[*] = Sigmoid(%d)
      output "y" = %y
    })",
     "resized_conv", 2},
    {"resized_conv_dilated", R"(graph "g" {
      input %x : f32[1, 16, 10, 7]
      const %w : f32[1, 16, 3, 5] = random(1)
      const %sizes : i64[4] = [1, 16, 33, 20]
      %u : f32[1, 16, 33, 20] = Resize(%x, _, _, %sizes) {mode = "linear", coordinate_transformation_mode = "align_corners"}
      %y : f32[1, 1, 33, 14] = Conv(%u, %w) {pads = [2, 0, 2, 2], dilations = [2, 2]}
      output "y" = %y
    })",
     "resized_conv", 2},
};

}  // namespace fovea::backend
