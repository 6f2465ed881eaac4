#pragma once

#include <cstdint>

#include "compiler/rivals.hpp"

namespace fovea::compiler {

/// What the reference computes of every kernel's results: nothing, boxes beside what other kernels say, or all
/// elements.
enum class GateMode : std::uint8_t { off, boxes, full };

struct GateOptions {
    GateMode mode = GateMode::boxes;
    std::uint32_t seed = 1;                ///< of the places that the boxes lie at
    double milliseconds = 900;             ///< reference time that the boxes of all kernels may take together, roughly
    const RivalTactics* rivals = nullptr;  ///< whose results the chosen kernels' are held against, too
};

/// A kernel whose results are wrong: a chosen one, or another that was asked about it.
struct WrongKernel {
    ir::NodeId node = ir::kNone;  ///< the region's first one
    backend::Tactic tactic;
    tune::Fault fault;
};

/// The user's nodes that a region computes, as messages name them.
std::string node_names(const ir::Graph& graph, const backend::Region& region);

/// Relative error, max|a−b| / max|b|, that a kernel with results of this type may have of its own. Numbers of e4m3 are
/// to be alike; what is calculated in a wider type and then rounded to e4m3 has the wider type's before it is rounded.
double kernel_tolerance(DType type);

/// Random network inputs of `shapes`, in the network's order: floats in [0, 1), bytes of any value, other integers 0.
std::vector<Tensor> random_inputs(const ir::Graph& graph, const std::vector<Shape>& shapes, std::uint32_t seed);

/// Binds every input of the network, in its order; the tensors must outlive what the context is used for.
void bind_inputs(runtime::Context& context, const std::vector<Tensor>& inputs);

/// Runs the context step by step on these inputs, which must outlive what it is used for. On the kernel's own inputs,
/// every kernel is run twice, which must give equal results, and held against the reference: in boxes, and, with
/// rivals, at the places where it differs most from another kernel. The context is left with the outputs. Appends what
/// it found to `certificate`; returns the kernels that are wrong.
std::vector<WrongKernel> check_kernels(runtime::Context& context, const std::vector<Tensor>& inputs,
                                       const GateOptions& options, plan::Certificate& certificate);

}  // namespace fovea::compiler
