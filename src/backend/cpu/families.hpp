#pragma once

#include "backend/family.hpp"

/// One function per family, each in the file of its name; `cpu.cpp` lists them.
namespace fovea::backend::cpu {

std::span<const Family> families();

Family arg_reduce_family();
Family attention_family();
Family cast_family();
Family concat_family();
Family conv_family();
Family gather_family();
Family grid_sample_family();
Family group_norm_family();
Family layer_norm_family();
Family matmul_family();
Family pointwise_family();
Family pool_family();
Family quantise_dynamic_family();
Family quantise_family();
Family quantised_add_family();
Family quantised_conv_family();
Family quantised_matmul_family();
Family quantised_pool_family();
Family quantised_table_family();
Family reduce_family();
Family resize_family();
Family slice_family();
Family softmax_family();
Family transpose_family();
Family transposed_conv_family();
Family upsampled_conv_family();
Family view_family();

}  // namespace fovea::backend::cpu
