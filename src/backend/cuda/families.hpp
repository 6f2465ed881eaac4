#pragma once

#include "backend/cuda/epilogue_code.hpp"
#include "backend/family.hpp"

/// One function per family, each in the file of its name; `cuda.cpp` lists them.
namespace fovea::backend::cuda {

/// A kind of kernel: as `backend::Family`, with the target that it prepares kernels for.
struct CudaFamily {
    std::string_view pattern;
    std::variant<Region, Refusal> (*match)(const MatchContext&, ir::NodeId root);
    std::vector<Tactic> (*tactics)(const Target&, const RegionContext&);
    std::unique_ptr<Kernel> (*prepare)(const Target&, const RegionContext&, const Tactic&);
    int capability = 80;  ///< least compute capability that its kernels need
};

CudaFamily arg_reduce_kernels();
CudaFamily attention_kernels();
CudaFamily concat_kernels();
CudaFamily concat_views_kernels();
CudaFamily conv_kernels();
CudaFamily cumulative_kernels();
CudaFamily gather_kernels();
CudaFamily gemm_kernels();
CudaFamily group_norm_kernels();
CudaFamily layer_norm_kernels();
CudaFamily lookup_kernels();
CudaFamily lrn_kernels();
CudaFamily matmul_kernels();
CudaFamily pad_kernels();
CudaFamily pointwise_kernels();
CudaFamily pool_kernels();
CudaFamily quantised_conv_kernels();
CudaFamily quantised_f8_conv_kernels();
CudaFamily quantised_f8_gemm_kernels();
CudaFamily quantised_gemm_kernels();
CudaFamily rearrange_kernels();
CudaFamily reduce_kernels();
CudaFamily resize_kernels();
CudaFamily resized_conv_kernels();
CudaFamily sample_kernels();
CudaFamily scatter_kernels();
CudaFamily selection_kernels();
CudaFamily slice_kernels();
CudaFamily softmax_kernels();
CudaFamily stem_pool_kernels();
CudaFamily suppression_kernels();
CudaFamily top_k_kernels();
CudaFamily transpose_kernels();
CudaFamily transposed_conv_kernels();
CudaFamily view_kernels();

/// Launches nothing: output and input are the same memory.
std::unique_ptr<Kernel> make_alias();

/// `desc` as rows of channels: a plain image of one channel or one pixel is the same memory.
TensorDesc channel_rows(const TensorDesc& desc);
/// Adds each tactic once more with a plain output where that is the same memory.
void add_plain_outputs(const RegionContext& context, std::vector<Tactic>& tactics);

}  // namespace fovea::backend::cuda
