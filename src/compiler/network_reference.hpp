#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "compiler/rounding.hpp"
#include "runtime/engine.hpp"
#include "tune/timing_cache.hpp"

namespace fovea::compiler {

/// A plan of `network` in f32 for a backend of the host, with a kernel for every node: none that `cache` remembers as
/// wrong.
plan::Plan reference_plan(ir::Graph network, const std::map<std::string, plan::InputProfile>& profile,
                          const std::vector<Shape>& shapes, const backend::Backend& host, int threads,
                          tune::TimingCache& cache);

/// A network run unfused in f32 on given inputs, and once more with every tensor rounded as far as a plan of it does
/// (see `Rounding`). Both runs are made when they are asked for, and once.
class NetworkReference {
  public:
    using Observer = std::function<void(const runtime::Context&, const runtime::Observation&)>;

    /// `reference` is what `reference_plan` gives, `plan` the graph whose types are imitated.
    NetworkReference(plan::Plan reference, const ir::Graph& plan, bool tf32, runtime::Backends backends,
                     std::vector<Tensor> inputs, int threads);
    NetworkReference(const NetworkReference&) = delete;
    NetworkReference& operator=(const NetworkReference&) = delete;

    [[nodiscard]] const ir::Graph& network() const { return network_; }
    [[nodiscard]] const Rounding& rounding() const { return rounding_; }
    /// With the outputs of the exact run.
    runtime::Context& exact();
    /// With the outputs of the rounded run.
    runtime::Context& rounded();
    /// Runs once more, calling `observer` after each step.
    void observe_exact(const Observer& observer);
    void observe_rounded(const Observer& observer);

  private:
    [[nodiscard]] std::shared_ptr<const runtime::Engine> engine_of(const ir::Graph& graph) const;
    runtime::Context& prepare_exact();
    runtime::Context& prepare_rounded();

    const runtime::Backends backends_;
    int threads_;
    const std::vector<Tensor> inputs_;
    const ir::Graph network_;
    const Rounding rounding_;
    const plan::Plan reference_;
    std::vector<Tensor> rounded_inputs_;
    std::optional<runtime::Context> exact_, rounded_;
    bool exact_has_run_ = false, rounded_has_run_ = false;
};

}  // namespace fovea::compiler
