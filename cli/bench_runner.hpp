#pragma once

#include "fovea/engine.hpp"
#include "npz.hpp"
#include "runtime/engine.hpp"

namespace fovea::cli {

/// A context that runs on tensors that stay where they are, or brings inputs in and outputs out at every run.
class BenchRunner {
  public:
    BenchRunner(const Engine& engine, Tensors inputs);

    void run() { context_.run(); }
    /// From the caller's inputs to outputs of the caller's: on a device, as the runtime brings what lies in host
    /// memory; elsewhere by copies.
    void run_with_copies();
    /// On a device, inputs and outputs stay there in the runs that follow; needs a run before. Elsewhere nothing
    /// changes.
    void stay_on_device();
    /// On a device, inputs and outputs lie in host memory of the caller's in the runs that follow; needs a run before.
    /// Elsewhere nothing changes.
    void use_host_memory(bool page_locked);
    /// nullptr where the plan runs in host memory.
    runtime::DeviceRun* device() { return context_.content().device(); }
    runtime::Context& content() { return context_.content(); }

  private:
    const Engine* engine_;
    Context context_;
    Tensors inputs_, staged_, results_;
    std::vector<std::shared_ptr<std::byte>> host_;
};

}  // namespace fovea::cli
