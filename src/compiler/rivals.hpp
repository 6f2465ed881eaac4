#pragma once

#include <map>

#include "runtime/engine.hpp"
#include "tune/faults.hpp"

namespace fovea::compiler {

/// Where other kernels than a plan's come from.
struct RivalTactics {
    const backend::Backend& backend;
    tune::TimingCache& cache;  ///< remembers which kernels agreed with another one
    /// By the first node of a region, those that say most about the chosen one first.
    std::map<ir::NodeId, std::vector<backend::Tactic>> tactics;
};

/// Runs a plan's kernels again, and others in their place, on the tensors that they had in a run.
class Rivals {
  public:
    /// `others` may be nullptr: there are none then.
    Rivals(const runtime::Engine& engine, const runtime::Program& program, const RivalTactics* others);

    /// Those to ask about a step.
    [[nodiscard]] std::vector<backend::Tactic> of(const plan::Step& step) const;
    /// Whether the step's kernel is known to agree with another one: in this build, or one before it.
    [[nodiscard]] bool agreed(const plan::Step& step) const;
    /// The kernel agrees with another one: later builds need not ask again. `distance` in parts of what is allowed.
    void agree(const plan::Step& step, double distance);

    /// The step's outputs by another tactic: densely, in the step's layouts and in host memory, until the next run.
    /// Nothing where the tactic cannot run on these tensors.
    std::vector<const std::byte*> run(const runtime::Observation& seen, const backend::Tactic& tactic);
    /// The step's outputs by its own kernel once more, in their places. They lie in host memory until the next run;
    /// on the host, `first` receives what was there before.
    std::vector<const std::byte*> repeat(const runtime::Observation& seen, std::vector<const std::byte*>& first);
    /// A dense output as `run` gives it.
    [[nodiscard]] backend::TensorDesc dense(std::int32_t slot) const;

  private:
    struct Block {
        std::shared_ptr<std::byte> memory;
        std::size_t bytes = 0;
    };
    [[nodiscard]] backend::RegionContext context_of(const plan::Step& step) const;
    [[nodiscard]] std::string key_of(const plan::Step& step) const;
    [[nodiscard]] backend::TensorDesc desc(std::int32_t slot) const;
    std::shared_ptr<const backend::Kernel> prepare(const plan::Step& step, const backend::Tactic& tactic);
    std::byte* reserve(std::size_t bytes, bool on_device);
    void launch(const backend::Kernel& kernel, const std::vector<const std::byte*>& inputs,
                const std::vector<std::byte*>& outputs, const backend::KernelArgs& like);
    const std::byte* converted(const backend::TensorDesc& from, const std::byte* data, const backend::TensorDesc& to,
                               const backend::KernelArgs& like);
    const std::byte* to_host(const std::byte* data, std::size_t bytes, const backend::KernelArgs& like);

    const runtime::Engine& engine_;
    const runtime::Program& program_;
    const RivalTactics* others_;
    std::map<std::string, std::shared_ptr<const backend::Kernel>> kernels_;
    std::vector<Block> blocks_, host_blocks_;
    std::size_t used_ = 0, host_used_ = 0;
};

}  // namespace fovea::compiler
