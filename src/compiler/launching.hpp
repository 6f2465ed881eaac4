#pragma once

#include "runtime/engine.hpp"
#include "tune/tuner.hpp"

namespace fovea::compiler {

/// How the kernels of a plan's section for a device are best launched, and what was measured to find out.
struct MeasuredLaunching {
    plan::Launching best;
    std::vector<std::pair<plan::Launching, double>> us;  ///< microseconds of a run, by way
};

/// Every way that the device offers, from the cache where it holds all; otherwise timed in the context that `open`
/// gives, which has run. `key` stands for the machine and the kernels; `lock` is as in `BuildOptions::timing_lock`.
MeasuredLaunching choose_launching(const backend::Device& device, tune::TimingCache& cache, const std::string& key,
                                   const std::filesystem::path& lock, const std::function<runtime::Context&()>& open);

}  // namespace fovea::compiler
