#pragma once

namespace fovea::backend {

/// A graph that is one region of the family `pattern`.
struct MoveCase {
    const char* name;
    const char* text;  ///< with T in the place of the tested type
    const char* pattern;
};

inline constexpr MoveCase kMoveCases[] = {
    {"transpose_matrix", R"(graph "g" {
      input %x : T[70, 133]
      %y : T[133, 70] = Transpose(%x)
      output "y" = %y
    })",
     "transpose"},
    {"transpose_channels", R"(graph "g" {
      input %x : T[2, 48, 200]
      %y : T[2, 200, 48] = Transpose(%x) {perm = [0, 2, 1]}
      output "y" = %y
    })",
     "transpose"},
    {"transpose_heads", R"(graph "g" {
      input %x : T[2, 50, 8, 32]
      %y : T[2, 8, 50, 32] = Transpose(%x) {perm = [0, 2, 1, 3]}
      output "y" = %y
    })",
     "transpose"},
    {"transpose_heads_turned", R"(graph "g" {
      input %x : T[2, 50, 3, 12]
      %y : T[2, 3, 12, 50] = Transpose(%x) {perm = [0, 2, 3, 1]}
      output "y" = %y
    })",
     "transpose"},
    {"transpose_short_rows", R"(graph "g" {
      input %x : T[2, 5, 3, 4, 2, 3]
      %y : T[3, 2, 3, 5, 2, 4] = Transpose(%x) {perm = [5, 0, 2, 1, 4, 3]}
      output "y" = %y
    })",
     "transpose"},
    {"split_rows", R"(graph "g" {
      input %x : T[2, 9, 48]
      const %n : i64[3] = [16, 8, 24]
      %a : T[2, 9, 16], %b : T[2, 9, 8], %c : T[2, 9, 24] = Split(%x, %n) {axis = 2}
      output "a" = %a
      output "b" = %b
      output "c" = %c
    })",
     "slice"},
    {"split_channels", R"(graph "g" {
      input %x : T[2, 21, 5, 6]
      const %n : i64[3] = [4, 16, 1]
      %a : T[2, 4, 5, 6], %b : T[2, 16, 5, 6], %c : T[2, 1, 5, 6] = Split(%x, %n) {axis = 1}
      output "a" = %a
      output "b" = %b
      output "c" = %c
    })",
     "slice"},
    {"split_into_many", R"(graph "g" {
      input %x : T[10, 3]
      %a : T[1, 3], %b : T[1, 3], %c : T[1, 3], %d : T[1, 3], %e : T[1, 3], %f : T[1, 3], %g : T[1, 3], %h : T[1, 3], %i : T[1, 3], %j : T[1, 3] = Split(%x) {num_outputs = 10}
      output "a" = %a
      output "b" = %b
      output "c" = %c
      output "d" = %d
      output "e" = %e
      output "f" = %f
      output "g" = %g
      output "h" = %h
      output "i" = %i
      output "j" = %j
    })",
     "slice"},
    {"slice_with_steps", R"(graph "g" {
      input %x : T[3, 20, 11, 9]
      const %starts : i64[3] = [-1, 2, 1]
      const %ends : i64[3] = [-100, 11, 9]
      const %axes : i64[3] = [1, 2, -1]
      const %steps : i64[3] = [-3, 2, 1]
      %y : T[3, 7, 5, 8] = Slice(%x, %starts, %ends, %axes, %steps)
      output "y" = %y
    })",
     "slice"},
    {"concat_rows", R"(graph "g" {
      input %x : T[2, 3, 8]
      input %z : T[2, 3, 24]
      %y : T[2, 3, 40] = Concat(%x, %z, %x) {axis = -1}
      output "y" = %y
    })",
     "concat"},
    {"concat_channels", R"(graph "g" {
      input %x : T[2, 3, 8, 5]
      input %z : T[2, 0, 8, 5]
      input %w : T[2, 5, 8, 5]
      %y : T[2, 8, 8, 5] = Concat(%x, %z, %w) {axis = 1}
      output "y" = %y
    })",
     "concat"},
    {"concat_constants", R"(graph "g" {
      input %x : T[2, 3, 8]
      const %c : T[2, 1, 8] = [0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1]
      %y : T[2, 4, 8] = Concat(%c, %x) {axis = 1}
      output "y" = %y
    })",
     "concat"},
};

}  // namespace fovea::backend
