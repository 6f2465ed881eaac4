#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "compiler/cover.hpp"
#include "tune/faults.hpp"
#include "tune/tuner.hpp"

namespace fovea::compiler {

/// A tactic as it was considered for a region.
struct Candidate {
    std::string tactic;
    tune::Times times;  ///< 0 when nothing was timed
    std::string fault;  ///< why its results cannot be trusted; it is not chosen then
};

/// A tactic with its times.
struct Timed {
    backend::Tactic tactic;
    tune::Times times;  ///< 0 when nothing was timed
};

/// The tactic chosen for one region.
struct Selection {
    backend::Tactic tactic;
    tune::Times times;  ///< 0 when nothing was timed
    std::vector<Candidate> candidates;
    std::vector<Timed> rivals;  ///< others, by how much they say as witnesses
};

/// A tactic whose results this build has found wrong.
struct Dropped {
    std::size_t region = 0;
    backend::Tactic tactic;
    tune::Fault fault;
};

struct SelectOptions {
    int threads = 1;
    bool tune = true;  ///< false: the first tactic of each combination of layouts, conversions counted by bytes
    std::function<void(double)> progress = {};  ///< called with the fraction done
    std::filesystem::path timing_lock = {};     ///< as in `BuildOptions`
    std::function<void()> before_timing = {};   ///< called once, where anything is to be timed
    std::vector<Dropped> dropped = {};          ///< left out
};

/// Chooses one tactic per region such that measured kernel times plus layout conversions are small over the whole
/// graph: coordinate descent from an all-plain and from an all-channels_last start, the better result wins. Tactics
/// that were dropped are left out, and those that the cache remembers as wrong while there is another one. Throws
/// `numerics` where all of a region were dropped, `internal` where the backend offers none.
std::vector<Selection> select(const ir::Graph& graph, const ops::ValueTable& values, const Covering& covering,
                              const backend::Backend& backend, tune::TimingCache& cache, const SelectOptions& options);

}  // namespace fovea::compiler
