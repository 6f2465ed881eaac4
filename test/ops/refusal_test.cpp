#include <gtest/gtest.h>

#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/infer.hpp"

namespace fovea::test {
namespace {

/// A node that contradicts its operator's specification, and what the message must name.
struct Refusal {
    const char* name;
    const char* operands;  ///< statements that define %x and what else the node reads
    const char* node;
    const char* named;
};

constexpr const char* kImage = "input %x : f32[1, 4, 8, 8]";
constexpr const char* kImageAndWeights = "input %x : f32[1, 4, 8, 8] const %w : f32[4, 2, 3, 3] = fill(1)";
constexpr const char* kImageAndScale = "input %x : f32[1, 4, 8, 8] const %s : f32[4] = fill(1)";
constexpr const char* kAttention = "input %x : f32[1, 5, 12] input %k : f32[1, 7, 12]";

const Refusal kRefusals[] = {
    {"pool_kernel", kImage, "MaxPool(%x) {kernel_shape = [0, 3]}", "kernel"},
    {"pool_kernel_count", kImage, "MaxPool(%x) {kernel_shape = [3]}", "spatial axes"},
    {"pool_too_large", kImage, "AveragePool(%x) {kernel_shape = [9, 3]}", "more than the padded input"},
    {"pool_pads", kImage, "LpPool(%x) {kernel_shape = [3, 3], pads = [-1, 0, 0, 0]}", "\"pads\""},
    {"pool_order", kImage, "MaxPool(%x) {kernel_shape = [3, 3], storage_order = 2}", "\"storage_order\""},
    {"pool_norm", kImage, "LpPool(%x) {kernel_shape = [3, 3], p = 0}", "\"p\""},
    {"transposed_group", kImageAndWeights, "ConvTranspose(%x, %w) {group = 0}", "\"group\""},
    {"transposed_indivisible_group", kImageAndWeights, "ConvTranspose(%x, %w) {group = 3}", "\"group\""},
    {"transposed_padding", kImageAndWeights, "ConvTranspose(%x, %w) {pads = [9, 9, 9, 9]}", "padding"},
    {"transposed_overflow", kImageAndWeights, "ConvTranspose(%x, %w) {strides = [4611686018427387904, 1]}",
     "\"strides\""},
    {"product", "input %x : f32[3, 4] input %w : f32[5, 6]", "MatMul(%x, %w)", "4 and 5"},
    {"product_batches", "input %x : f32[2, 3, 4] input %w : f32[3, 4, 6]", "MatMul(%x, %w)", "broadcast"},
    {"gemm_bias", "input %x : f32[3, 4] input %w : f32[4, 6] input %b : f32[5]", "Gemm(%x, %w, %b)", "6"},
    {"einsum_terms", kImage, "Einsum(%x) {equation = \"ij,jk\"}", "\"equation\""},
    {"einsum_rank", kImage, "Einsum(%x) {equation = \"ij\"}", "rank 4"},
    {"einsum_output", kImage, "Einsum(%x) {equation = \"...->z\"}", "stands in no input"},
    {"batch_norm_channels", "input %x : f32[1, 4, 8, 8] const %s : f32[3] = fill(1)",
     "BatchNormalization(%x, %s, %s, %s, %s)", "3 and 4"},
    {"group_norm_groups", kImageAndScale, "GroupNormalization(%x, %s, %s) {num_groups = 3}", "\"num_groups\""},
    {"layer_norm_axis", kImageAndScale, "LayerNormalization(%x, %s) {axis = 4}", "\"axis\""},
    {"layer_norm_stash", kImageAndScale, "LayerNormalization(%x, %s) {stash_type = 7}", "\"stash_type\""},
    {"softmax_type", "input %x : i32[3, 4]", "Softmax(%x)", "found i32"},
    {"resize_both", "input %x : f32[4] const %s : f32[1] = [2] const %z : i64[1] = [8]", "Resize(%x, _, %s, %z)",
     "both"},
    {"resize_neither", kImage, "Resize(%x)", "neither"},
    {"resize_sizes", "input %x : f32[4] const %z : i64[1] = [-8]", "Resize(%x, _, _, %z)", "\"sizes\""},
    {"resize_axes", "input %x : f32[4] const %z : i64[1] = [8]", "Resize(%x, _, _, %z) {axes = [1]}", "\"axes\""},
    {"grid_mode", "input %x : f32[1, 1, 4, 4] input %g : f32[1, 2, 2, 2]", "GridSample(%x, %g) {mode = \"bilinear\"}",
     "\"mode\""},
    {"grid_coordinates", "input %x : f32[1, 1, 4, 4] input %g : f32[1, 2, 2, 3]", "GridSample(%x, %g)", "3 and 2"},
    {"region_samples", "input %x : f32[1, 1, 4, 4] input %r : f32[2, 4] input %b : i64[2]",
     "RoiAlign(%x, %r, %b) {sampling_ratio = 1000000}", "\"sampling_ratio\""},
    {"boxes", "input %x : f32[1, 6, 4] input %s : f32[1, 2, 5]", "NonMaxSuppression(%x, %s)", "number of boxes"},
    {"deformed_groups", "input %x : f32[1, 4, 8, 8] const %w : f32[4, 4, 3, 3] = fill(1) input %o : f32[1, 18, 6, 6]",
     "DeformConv(%x, %w, %o) {offset_group = 3}", "\"offset_group\""},
    {"shuffle_channels", kImage, "DepthToSpace(%x) {blocksize = 3}", "multiple of 9"},
    {"shuffle_block", kImage, "SpaceToDepth(%x) {blocksize = 0}", "\"blocksize\""},
    {"attention_heads", kAttention, "Attention(%x, %k, %k) {q_num_heads = 5, kv_num_heads = 2}", "\"q_num_heads\""},
    {"attention_no_heads", kAttention, "Attention(%x, %k, %k)", "\"q_num_heads\""},
    {"attention_groups", kAttention, "Attention(%x, %k, %k) {q_num_heads = 3, kv_num_heads = 2}", "head"},
    {"attention_past", kAttention, "Attention(%x, %k, %k, _, %k) {q_num_heads = 2, kv_num_heads = 2}", "past_key"},
    {"rotation", "input %x : f32[1, 2, 3, 5] input %c : f32[1, 3, 2]", "RotaryEmbedding(%x, %c, %c)", "even"},
};

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, NameNodeAndMistake) {
    const std::string text = "graph \"g\" {\n" + std::string(GetParam().operands) +
                             "\n%y : undefined[*] = " + GetParam().node + " name \"culprit\"\noutput \"y\" = %y\n}";
    try {
        ops::infer(ir::parse(text));
        FAIL() << "accepted";
    } catch (const Error& error) {
        const std::string message = error.what();
        EXPECT_EQ(error.code(), ErrorCode::invalid_model);
        EXPECT_NE(message.find("culprit"), std::string::npos) << message;
        EXPECT_NE(message.find(GetParam().named), std::string::npos) << message;
    }
}

INSTANTIATE_TEST_SUITE_P(Ops, Refusals, testing::ValuesIn(kRefusals),
                         [](const testing::TestParamInfo<Refusal>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace fovea::test
