#pragma once

#include "cuda/move_cases.hpp"

namespace fovea::backend {

/// Kernels that calculate with elements, of integers and conditions too.
inline constexpr MoveCase kElementCases[] = {
    {"integers", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      input %z : T[2, 6, 1, 7]
      const %c : T[] = [7]
      %a : T[2, 6, 5, 7] = Add(%x, %z)
      %b : T[2, 6, 5, 7] = Mul(%a, %x)
      %d : T[2, 6, 5, 7] = Div(%b, %z)
      %e : T[2, 6, 5, 7] = Mod(%d, %c)
      %f : T[2, 6, 5, 7] = Max(%e, %z, %c)
      %y : T[2, 6, 5, 7] = Clip(%f, _, %c)
      output "y" = %y
    })",
     "pointwise", "i8 u8 i32 i64 u64"},
    {"signed_integers", R"(graph "g" {
      input %x : T[2, 3, 8]
      input %z : T[2, 3, 8]
      const %c : T[] = [5]
      %a : T[2, 3, 8] = Neg(%x)
      %b : T[2, 3, 8] = Abs(%a)
      %d : T[2, 3, 8] = Sub(%b, %z)
      %e : T[2, 3, 8] = Mod(%d, %c) {fmod = 1}
      %f : T[2, 3, 8] = Pow(%e, %c)
      %y : T[2, 3, 8] = Sign(%f)
      output "y" = %y
    })",
     "pointwise", "i8 i16 i32 i64"},
    {"bits", R"(graph "g" {
      input %x : T[3, 10]
      input %z : T[3, 10]
      const %c : T[] = [3]
      %a : T[3, 10] = BitwiseAnd(%x, %z)
      %b : T[3, 10] = BitwiseNot(%a)
      %d : T[3, 10] = BitwiseXor(%b, %x)
      %e : T[3, 10] = BitShift(%d, %c) {direction = "LEFT"}
      %y : T[3, 10] = BitShift(%e, %c) {direction = "RIGHT"}
      output "y" = %y
    })",
     "pointwise", "u8 u32 u64"},
    {"conditions", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      input %z : T[2, 1, 5, 7]
      input %b : bool[7]
      %c : bool[2, 6, 5, 7] = Less(%x, %z)
      %d : bool[2, 6, 5, 7] = Xor(%c, %b)
      %e : bool[2, 6, 5, 7] = Not(%d)
      %y : T[2, 6, 5, 7] = Where(%e, %x, %z)
      output "y" = %y
    })",
     "pointwise", "f32 f16 bf16 u8 i32 i64 f64"},
    {"comparisons", R"(graph "g" {
      input %x : T[4, 30]
      input %z : T[4, 30]
      %c : bool[4, 30] = GreaterOrEqual(%x, %z)
      %y : f32[4, 30] = Cast(%c) {to = 1}
      output "y" = %y
    })",
     "pointwise", "f32 f16 i8 i64 u64"},
    {"cast_to_byte", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      %y : u8[2, 6, 5, 7] = Cast(%x) {to = 2}
      output "y" = %y
    })",
     "pointwise", "f32 f16 bf16 f64 i8 i32 i64 bool"},
    {"cast_to_signed", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      %y : i32[2, 6, 5, 7] = Cast(%x) {to = 6}
      output "y" = %y
    })",
     "pointwise", "f32 f16 bf16 f64 u8 i64 bool"},
    {"cast_to_wide", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      %y : i64[2, 6, 5, 7] = Cast(%x) {to = 7}
      output "y" = %y
    })",
     "pointwise", "f32 f16 bf16 f64 u8 i32 bool"},
    {"cast_to_half", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      %y : f16[2, 6, 5, 7] = Cast(%x) {to = 10}
      output "y" = %y
    })",
     "pointwise", "f32 bf16 f64 u8 i32 i64 bool"},
    {"cast_to_bool", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      %y : bool[2, 6, 5, 7] = Cast(%x) {to = 9}
      output "y" = %y
    })",
     "pointwise", "f32 f16 f64 u8 i32 i64"},
    {"remainders_of_reals", R"(graph "g" {
      input %x : T[2, 33]
      const %c : T[] = [7]
      %y : T[2, 33] = Mod(%x, %c) {fmod = 1}
      output "y" = %y
    })",
     "pointwise", "f32 f16"},
    {"quantise", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      const %s : f32[] = [4]
      const %z : u8[] = [5]
      %y : u8[2, 6, 5, 7] = QuantizeLinear(%x, %s, %z)
      output "y" = %y
    })",
     "pointwise", "f32 f16 bf16"},
    {"quantise_channels", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      const %s : f32[6] = [4, 0.1, 2, 8, 1, 0.3]
      const %z : i8[6] = [0, -5, 3, 1, -128, 127]
      %y : i8[2, 6, 5, 7] = QuantizeLinear(%x, %s, %z)
      output "y" = %y
    })",
     "pointwise", "f32 f16 bf16"},
    {"quantise_rows_at_run_time", R"(graph "g" {
      input %x : f32[6, 40]
      input %g : f32[6]
      input %i : T[6]
      %y : T[6, 40] = QuantizeLinear(%x, %g, %i) {axis = 0}
      output "y" = %y
    })",
     "pointwise", "i8 u8"},
    {"quantise_to_e4m3", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      const %s : f32[6] = [3, 0.1, 4000, 8, 7, 0.3]
      %y : f8e4m3fn[2, 6, 5, 7] = QuantizeLinear(%x, %s) {output_dtype = 17}
      output "y" = %y
    })",
     "pointwise", "f32 f16 bf16"},
    {"dequantise", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      const %s : f32[] = [0.3]
      const %z : T[] = [0]
      %y : f32[2, 6, 5, 7] = DequantizeLinear(%x, %s, %z)
      output "y" = %y
    })",
     "pointwise", "i8 u8 f8e4m3fn"},
    {"dequantise_channels", R"(graph "g" {
      input %x : T[2, 6, 5, 7]
      const %s : f16[6] = [4, 0.1, 2, 8, 1, 0.3]
      const %z : T[6] = [0, 5, 3, 1, 127, 7]
      %a : f16[2, 6, 5, 7] = DequantizeLinear(%x, %s, %z) {axis = -3}
      %y : f16[2, 6, 5, 7] = Sigmoid(%a)
      output "y" = %y
    })",
     "pointwise", "i8 u8"},
    {"quantise_and_dequantise", R"(graph "g" {
      input %x : f32[2, 6, 5, 7]
      const %s : f32[] = [0.3]
      const %z : T[] = [0]
      %q : T[2, 6, 5, 7] = QuantizeLinear(%x, %s, %z)
      %y : f32[2, 6, 5, 7] = DequantizeLinear(%q, %s, %z)
      output "y" = %y
    })",
     "pointwise", "i8 u8 f8e4m3fn"},
    {"clip_at_run_time", R"(graph "g" {
      input %x : T[2, 33]
      input %low : T[]
      input %high : T[]
      %y : T[2, 33] = Clip(%x, %low, %high)
      output "y" = %y
    })",
     "pointwise", "f32 f16 i8 i32"},
    {"grid_sample_linear", R"(graph "g" {
      input %x : T[2, 16, 7, 9]
      input %g : f32[2, 5, 6, 2]
      %y : T[2, 16, 5, 6] = GridSample(%x, %g)
      output "y" = %y
    })",
     "sample", "f32 f16"},
    {"grid_sample_cubic", R"(graph "g" {
      input %x : T[2, 3, 7, 9]
      input %g : T[2, 5, 6, 2]
      %y : T[2, 3, 5, 6] = GridSample(%x, %g) {mode = "cubic", padding_mode = "border", align_corners = 1}
      output "y" = %y
    })",
     "sample", "f32 f16"},
    {"grid_sample_nearest", R"(graph "g" {
      input %x : T[2, 3, 7, 9]
      input %g : f32[2, 5, 6, 2]
      %y : T[2, 3, 5, 6] = GridSample(%x, %g) {mode = "nearest", padding_mode = "reflection"}
      output "y" = %y
    })",
     "sample", "f32 f16"},
    {"roi_align", R"(graph "g" {
      input %x : T[2, 8, 13, 17]
      const %r : f32[3, 4] = [0, 0, 12, 9, 3.5, 2, 16, 12.5, -4, -2, 5, 30]
      const %n : i64[3] = [0, 1, 1]
      %y : T[3, 8, 3, 4] = RoiAlign(%x, %r, %n) {output_height = 3, output_width = 4, spatial_scale = 0.75f}
      output "y" = %y
    })",
     "sample", "f32 f16"},
    {"roi_align_largest", R"(graph "g" {
      input %x : T[2, 3, 13, 17]
      const %r : f32[2, 4] = [0, 0, 12, 9, 3.5, 2, 16, 12.5]
      const %n : i64[2] = [1, 0]
      %y : T[2, 3, 2, 2] = RoiAlign(%x, %r, %n) {output_height = 2, output_width = 2, mode = "max", sampling_ratio = 2, coordinate_transformation_mode = "output_half_pixel"}
      output "y" = %y
    })",
     "sample", "f32 f16"},
    {"transposed_conv", R"(graph "g" {
      input %x : T[2, 24, 7, 9]
      const %w : T[24, 16, 4, 4] = random(1)
      const %b : T[16] = random(2)
      %c : T[2, 16, 14, 18] = ConvTranspose(%x, %w, %b) {pads = [1, 1, 1, 1], strides = [2, 2]}
      %y : T[2, 16, 14, 18] = Relu(%c)
      output "y" = %y
    })",
     "transposed_conv", "f32 f16"},
    {"transposed_conv_in_groups", R"(graph "g" {
      input %x : T[1, 6, 5, 4]
      const %w : T[6, 3, 3, 2] = random(1)
      %y : T[1, 6, 17, 6] = ConvTranspose(%x, %w) {group = 2, dilations = [2, 1], strides = [3, 2], pads = [0, 1, 1, 1], output_padding = [1, 0]}
      output "y" = %y
    })",
     "transposed_conv", "f32 f16"},
};

}  // namespace fovea::backend
