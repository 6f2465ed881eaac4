#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "runtime/engine.hpp"

namespace fovea::compiler {

/// Of numbers of this type: 8 of bf16, 11 of f16, 0 of the others.
int significant_bits(DType type);

/// Rounds what an f32 network computes, tensor by tensor, to what a plan of it keeps: where the plan holds a tensor in
/// bf16 or quantises it, to the 8 significant bits of bf16, in f16 to its 11, but not to its range; everything else to
/// 16, which is more than kernels lose that add up in another order, or to the 11 of TF32 where products are rounded to
/// it. It knows the plan's types by the tensors' names, and none of its kernels and rewrites.
class Rounding {
  public:
    /// `network` is the one in f32; both must outlive this.
    Rounding(const ir::Graph& network, const ir::Graph& plan, bool tf32 = false);
    /// The network with weights rounded where the plan rounds them, each to the nearest.
    [[nodiscard]] ir::Graph weights() const;
    /// A rounded copy, for input `index`.
    [[nodiscard]] Tensor input(std::size_t index, const Tensor& tensor) const;
    /// Rounds, in place, what a step of the network has just computed.
    void apply(const runtime::Engine& engine, const runtime::Program& program, const runtime::Observation& seen) const;
    /// The last of the bits that the tensor of this name keeps, as a part of its value.
    [[nodiscard]] double unit(const std::string& value) const;

  private:
    [[nodiscard]] int bits(const std::string& value) const;

    const ir::Graph& network_;
    int working_bits_;
    std::map<std::string, int, std::less<>> narrow_;  ///< significant bits of what the plan holds in bf16 or f16
    std::set<std::string, std::less<>> quantised_;    ///< tensors that QuantizeLinear reads
};

}  // namespace fovea::compiler
