#pragma once

namespace fovea::backend {

/// A graph that is one region of the family `pattern`.
struct MoveCase {
    const char* name;
    const char* text;  ///< with T in the place of the tested type
    const char* pattern;
    const char* types = "f32 f16 u8 i64";
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
    {"concat_of_maps", R"(graph "g" {
      input %a : T[2, 12, 10, 9]
      input %b : T[2, 18, 5, 5]
      input %c : T[2, 24, 3, 3]
      input %d : T[2, 12, 1, 1]
      const %n : i64[3] = [2, 3, -1]
      %e : T[2, 3, 360] = Reshape(%a, %n)
      %f : T[2, 3, 150] = Reshape(%b, %n)
      %h : T[2, 3, 72] = Reshape(%c, %n)
      %i : T[2, 3, 4] = Reshape(%d, %n)
      %y : T[2, 3, 586] = Concat(%e, %f, %h, %i) {axis = 2}
      output "y" = %y
    })",
     "concat_views"},
    {"concat_of_wide_maps", R"(graph "g" {
      input %a : T[1, 40, 7, 16]
      input %b : T[1, 80, 4, 4]
      const %n : i64[3] = [1, 40, -1]
      %c : T[1, 40, 112] = Reshape(%a, %n)
      %d : T[1, 40, 32] = Reshape(%b, %n)
      %y : T[1, 40, 144] = Concat(%c, %d) {axis = 2}
      output "y" = %y
    })",
     "concat_views"},
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
    {"expand", R"(graph "g" {
      input %x : T[3, 1, 8]
      const %n : i64[4] = [2, 3, 5, 8]
      %y : T[2, 3, 5, 8] = Expand(%x, %n)
      output "y" = %y
    })",
     "rearrange"},
    {"expand_channels", R"(graph "g" {
      input %x : T[2, 6, 1, 1]
      const %n : i64[4] = [2, 6, 5, 3]
      %y : T[2, 6, 5, 3] = Expand(%x, %n)
      output "y" = %y
    })",
     "rearrange"},
    {"tile", R"(graph "g" {
      input %x : T[2, 3, 5]
      const %n : i64[3] = [2, 1, 3]
      %y : T[4, 3, 15] = Tile(%x, %n)
      output "y" = %y
    })",
     "rearrange"},
    {"depth_to_space", R"(graph "g" {
      input %x : T[2, 24, 5, 9]
      %y : T[2, 6, 10, 18] = DepthToSpace(%x) {blocksize = 2}
      output "y" = %y
    })",
     "rearrange"},
    {"depth_to_space_by_columns", R"(graph "g" {
      input %x : T[2, 18, 5, 4]
      %y : T[2, 2, 15, 12] = DepthToSpace(%x) {blocksize = 3, mode = "CRD"}
      output "y" = %y
    })",
     "rearrange"},
    {"space_to_depth", R"(graph "g" {
      input %x : T[2, 3, 8, 6]
      %y : T[2, 12, 4, 3] = SpaceToDepth(%x) {blocksize = 2}
      output "y" = %y
    })",
     "rearrange"},
    {"space_to_depth_by_columns", R"(graph "g" {
      input %x : T[2, 3, 8, 6]
      %y : T[2, 12, 4, 3] = SpaceToDepth(%x) {blocksize = 2, mode = "CRD"}
      output "y" = %y
    })",
     "rearrange"},
    {"gather_rows", R"(graph "g" {
      input %x : T[2, 5, 16]
      input %i : i64[3, 2]
      %y : T[2, 3, 2, 16] = Gather(%x, %i) {axis = 1}
      output "y" = %y
    })",
     "gather"},
    {"gather_columns", R"(graph "g" {
      input %x : T[2, 5, 9]
      input %i : i32[4]
      %y : T[2, 5, 4] = Gather(%x, %i) {axis = -1}
      output "y" = %y
    })",
     "gather"},
    {"gather_one", R"(graph "g" {
      input %x : T[8, 3, 10, 4, 2]
      const %n : i64[] = [-2]
      %y : T[8, 10, 4, 2] = Gather(%x, %n) {axis = 1}
      output "y" = %y
    })",
     "gather"},
    {"gather_constant", R"(graph "g" {
      const %x : T[4, 2] = [1, 0, 0, 1, 1, 1, 0, 0]
      input %i : i64[3]
      %y : T[3, 2] = Gather(%x, %i)
      output "y" = %y
    })",
     "gather"},
    {"gather_elements", R"(graph "g" {
      input %x : T[3, 7, 5]
      input %i : i64[2, 4, 5]
      %y : T[2, 4, 5] = GatherElements(%x, %i) {axis = 1}
      output "y" = %y
    })",
     "gather"},
    {"gather_nd", R"(graph "g" {
      input %x : T[2, 5, 6, 4]
      input %i : i64[2, 3, 2]
      %y : T[2, 3, 4] = GatherND(%x, %i) {batch_dims = 1}
      output "y" = %y
    })",
     "gather"},
    {"scatter_elements", R"(graph "g" {
      input %x : T[5, 7, 4]
      input %i : i64[3, 6, 4]
      input %u : T[3, 6, 4]
      %y : T[5, 7, 4] = ScatterElements(%x, %i, %u) {axis = 1}
      output "y" = %y
    })",
     "scatter"},
    {"scatter_elements_added", R"(graph "g" {
      input %x : T[9]
      input %i : i32[20]
      input %u : T[20]
      %y : T[9] = ScatterElements(%x, %i, %u) {reduction = "add"}
      output "y" = %y
    })",
     "scatter"},
    {"scatter_slices", R"(graph "g" {
      input %x : T[4, 5, 6]
      input %i : i64[3, 4, 2]
      input %u : T[3, 4, 6]
      %y : T[4, 5, 6] = ScatterND(%x, %i, %u)
      output "y" = %y
    })",
     "scatter"},
    {"scatter_largest_slices", R"(graph "g" {
      input %x : T[4, 5]
      input %i : i64[9, 1]
      input %u : T[9, 5]
      %y : T[4, 5] = ScatterND(%x, %i, %u) {reduction = "max"}
      output "y" = %y
    })",
     "scatter"},
    {"pad_constant", R"(graph "g" {
      input %x : T[2, 8, 5, 7]
      const %n : i64[8] = [0, 0, 1, 2, 0, 0, -1, 3]
      const %v : T[] = [1]
      %y : T[2, 8, 5, 12] = Pad(%x, %n, %v)
      output "y" = %y
    })",
     "pad"},
    {"pad_reflect", R"(graph "g" {
      input %x : T[2, 8, 5, 7]
      const %n : i64[4] = [3, 6, 2, 1]
      const %axes : i64[2] = [-2, 3]
      %y : T[2, 8, 10, 14] = Pad(%x, %n, _, %axes) {mode = "reflect"}
      output "y" = %y
    })",
     "pad"},
    {"pad_edge", R"(graph "g" {
      input %x : T[2, 3, 5]
      const %n : i64[6] = [1, 0, 2, 0, 2, -1]
      %y : T[3, 5, 6] = Pad(%x, %n) {mode = "edge"}
      output "y" = %y
    })",
     "pad"},
    {"pad_wrap", R"(graph "g" {
      input %x : T[2, 3, 5]
      const %n : i64[6] = [1, 0, 7, 0, 2, 4]
      %y : T[3, 5, 16] = Pad(%x, %n) {mode = "wrap"}
      output "y" = %y
    })",
     "pad"},
    {"one_hot", R"(graph "g" {
      input %i : i64[3, 5]
      const %n : i64[] = [6]
      input %x : T[2]
      %y : T[3, 6, 5] = OneHot(%i, %n, %x) {axis = 1}
      output "y" = %y
    })",
     "lookup"},
    {"eye_like", R"(graph "g" {
      input %x : T[5, 9]
      %y : T[5, 9] = EyeLike(%x) {k = -1}
      output "y" = %y
    })",
     "lookup", "f32 f16 u8 i64 bool"},
    {"triangle", R"(graph "g" {
      input %x : T[2, 5, 7]
      const %n : i64[] = [1]
      %y : T[2, 5, 7] = Trilu(%x, %n) {upper = 0}
      output "y" = %y
    })",
     "lookup"},
    {"reverse_sequence", R"(graph "g" {
      input %x : T[6, 3, 2]
      const %n : i64[3] = [0, 4, 6]
      %y : T[6, 3, 2] = ReverseSequence(%x, %n)
      output "y" = %y
    })",
     "lookup"},
};

}  // namespace fovea::backend
