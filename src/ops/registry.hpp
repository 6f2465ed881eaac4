#pragma once

#include <span>

#include "ops/op.hpp"

/// One function per file of operators; `registry.cpp` lists them.
namespace fovea::ops {

std::span<const Op> activation_operators();
std::span<const Op> arg_extremum_operators();
std::span<const Op> arithmetic_operators();
std::span<const Op> attention_operators();
std::span<const Op> batch_normalization_operators();
std::span<const Op> cast_operators();
std::span<const Op> causal_conv_operators();
std::span<const Op> center_crop_pad_operators();
std::span<const Op> col2im_operators();
std::span<const Op> compress_operators();
std::span<const Op> concat_operators();
std::span<const Op> constant_of_shape_operators();
std::span<const Op> conv_operators();
std::span<const Op> conv_transpose_operators();
std::span<const Op> cumulative_operators();
std::span<const Op> deform_conv_operators();
std::span<const Op> determinant_operators();
std::span<const Op> dft_operators();
std::span<const Op> einsum_operators();
std::span<const Op> expand_operators();
std::span<const Op> gather_operators();
std::span<const Op> generate_operators();
std::span<const Op> global_pool_operators();
std::span<const Op> grid_sample_operators();
std::span<const Op> if_operators();
std::span<const Op> linear_attention_operators();
std::span<const Op> local_normalization_operators();
std::span<const Op> logic_operators();
std::span<const Op> loop_operators();
std::span<const Op> loss_operators();
std::span<const Op> matmul_operators();
std::span<const Op> max_roi_pool_operators();
std::span<const Op> max_unpool_operators();
std::span<const Op> mean_variance_operators();
std::span<const Op> non_max_suppression_operators();
std::span<const Op> normalization_operators();
std::span<const Op> one_hot_operators();
std::span<const Op> pad_operators();
std::span<const Op> pixel_shuffle_operators();
std::span<const Op> pool_operators();
std::span<const Op> quantize_linear_operators();
std::span<const Op> quantized_conv_operators();
std::span<const Op> quantized_matmul_operators();
std::span<const Op> random_operators();
std::span<const Op> recurrent_operators();
std::span<const Op> reduce_operators();
std::span<const Op> reshape_operators();
std::span<const Op> resize_operators();
std::span<const Op> reverse_sequence_operators();
std::span<const Op> roi_align_operators();
std::span<const Op> rotary_embedding_operators();
std::span<const Op> scan_operators();
std::span<const Op> scatter_operators();
std::span<const Op> select_operators();
std::span<const Op> shape_operators();
std::span<const Op> signal_operators();
std::span<const Op> slice_operators();
std::span<const Op> softmax_operators();
std::span<const Op> split_operators();
std::span<const Op> squeeze_operators();
std::span<const Op> top_k_operators();
std::span<const Op> transpose_operators();
std::span<const Op> trilu_operators();
std::span<const Op> unary_operators();
std::span<const Op> unique_operators();
std::span<const Op> variadic_operators();

}  // namespace fovea::ops
