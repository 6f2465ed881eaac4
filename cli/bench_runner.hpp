#pragma once

#include "fovea/engine.hpp"
#include "npz.hpp"
#include "runtime/engine.hpp"

namespace fovea::cli {

/// A context that runs on tensors that stay where they are, or copies inputs in and outputs out at every run.
class BenchRunner {
  public:
    BenchRunner(const Engine& engine, Tensors inputs);

    void run() { context_.run(); }
    /// From the caller's inputs to outputs of the caller's.
    void run_with_copies();
    /// On a device, inputs and outputs stay there in the runs that follow; needs a run before. Elsewhere nothing
    /// changes.
    void stay_on_device();
    /// nullptr where the plan runs in host memory.
    runtime::DeviceRun* device() { return context_.content().device(); }
    runtime::Context& content() { return context_.content(); }

  private:
    const Engine* engine_;
    Context context_;
    Tensors inputs_, staged_, results_;
};

}  // namespace fovea::cli
