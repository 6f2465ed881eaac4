#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "compiler/cover.hpp"
#include "tune/tuner.hpp"

namespace fovea::compiler {

/// The tactic chosen for one region.
struct Selection {
    backend::Tactic tactic;
    tune::Times times;                                            ///< 0 when nothing was timed
    std::vector<std::pair<std::string, tune::Times>> candidates;  ///< every tactic considered and its times
};

struct SelectOptions {
    int threads = 1;
    bool tune = true;  ///< false: the first tactic of each combination of layouts, conversions counted by bytes
    std::function<void(double)> progress;      ///< fraction done
    std::filesystem::path timing_lock = {};    ///< as in `BuildOptions`
    std::function<void()> before_timing = {};  ///< called once, where anything is to be timed
};

/// Chooses one tactic per region such that measured kernel times plus layout conversions are small over the whole
/// graph: coordinate descent from an all-plain and from an all-channels_last start, the better result wins.
std::vector<Selection> select(const ir::Graph& graph, const ops::ValueTable& values, const Covering& covering,
                              const backend::Backend& backend, tune::TimingCache& cache, const SelectOptions& options);

}  // namespace fovea::compiler
