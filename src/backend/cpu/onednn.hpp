#pragma once

#include <dnnl.hpp>

#include <string>
#include <vector>

#include "backend/epilogue.hpp"
#include "backend/family.hpp"

namespace fovea::backend::cpu {

/// The process's oneDNN engine for the CPU.
const dnnl::engine& engine();
/// Best instruction set of this machine that oneDNN uses, e.g. "avx512_core_bf16".
std::string instruction_set();
/// Whether oneDNN multiplies bf16 in this machine's tiles.
bool has_amx();

/// Whether oneDNN calculates with elements of this floating-point type on this machine: f32, bf16, and f16 where the
/// processor has AVX-512 FP16.
bool onednn_float(DType type);

/// oneDNN's name of a type; throws `unsupported` when it has none.
dnnl::memory::data_type to_dnnl(DType type);
/// A tensor of ours as oneDNN describes it, pitch included.
dnnl::memory::desc to_dnnl(const TensorDesc& desc);

/// An activation as oneDNN's eltwise algorithms express it.
struct Eltwise {
    dnnl::algorithm kind;
    float alpha, beta;
};
Eltwise eltwise(const EpilogueStep& step);
/// Appends an activation.
void append_activation(dnnl::post_ops& list, const EpilogueStep& step);

/// Where an argument's memory comes from.
struct Binding {
    enum class Source : std::uint8_t { input, output, constant, scratchpad };
    int argument;
    Source source;
    std::size_t index;  ///< of the region's input or output
    dnnl::memory::desc desc;
    PackedConstants::Block block;  ///< of a constant
};

/// Steps as oneDNN post-operations. Operands of add and mul become further arguments, listed in `operands` in order.
struct PostOps {
    dnnl::primitive_attr attr;
    std::vector<std::pair<int, ir::ValueId>> operands;  ///< argument number, value
    std::vector<Binding> constants;                     ///< scales and shifts
};
PostOps post_ops(const RegionContext& context, const Tactic& tactic, const Epilogue& epilogue);
/// Whether a product with results of the type of `chain` can write what the step makes of them: its own type or f32.
/// oneDNN has no other convolutions and matrix products, and transposed convolutions only many times slower.
bool accepts_cast(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain);
/// Whether `post_ops` can express the step.
bool accepts_post_op(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain);

/// Moves on from an implementation that computes this convolution wrongly: on AMX tiles oneDNN 3.2 does so where
/// nothing is padded and the channels of a group do not fill a tile's row of 64 bytes, but those of a row of taps do,
/// or there is a multiple of 4 taps in it (seen in bf16 on Emerald Rapids). Throws `unsupported` when no other
/// implementation is left. `weights`: shape [K, C/group, taps…].
void avoid_wrong_tiles(dnnl::convolution_forward::primitive_desc& desc, const Shape& weights,
                       const std::vector<std::int64_t>& pads_begin, const std::vector<std::int64_t>& pads_end);

/// A oneDNN primitive with its arguments. The scratchpad lies in the workspace.
std::unique_ptr<Kernel> make_onednn_kernel(dnnl::primitive primitive, const dnnl::memory::desc& scratchpad,
                                           std::string implementation, std::vector<Binding> bindings);

/// A oneDNN reorder between two layouts of one type, or between float types; nullptr for types that oneDNN does not
/// have.
std::unique_ptr<Kernel> reorder(const TensorDesc& from, const TensorDesc& to);

/// The constant `tensor` (plain, as `from` describes it) in the layout `to`; made once per plan and layout.
PackedConstants::Block pack(const RegionContext& context, const std::string& name, const Tensor& tensor,
                            const dnnl::memory::desc& from, const dnnl::memory::desc& to);

}  // namespace fovea::backend::cpu
