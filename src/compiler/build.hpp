#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "compiler/gate.hpp"
#include "compiler/select.hpp"
#include "pass/engine.hpp"
#include "plan/plan.hpp"
#include "tune/tuner.hpp"

namespace fovea::compiler {

struct BuildOptions {
    DType precision = DType::f32;
    int threads = 0;  ///< 0: all that the machine offers
    /// Shapes of inputs by name. Inputs that are not named keep their declared shape, symbolic sizes becoming 1.
    std::map<std::string, plan::InputProfile> profile;
    GateMode gate = GateMode::boxes;
    bool fuse = true;                                    ///< false: regions of a single node
    bool tune = true;                                    ///< false: the backend's first choice, nothing is timed
    std::set<std::string, std::less<>> disabled_passes;  ///< by name
    std::map<std::string, DType> pins;                   ///< type by the user's node name
    std::string contract;                                ///< pre- and post-processing to keep in the plan, as JSON
    tune::TimingCache* timing_cache = nullptr;           ///< shared between builds; nullptr: used once
    std::filesystem::path timing_lock;  ///< of builds that take turns to time candidates; empty: they do not
    /// Called with the stage ("simplify", "tune", "gate", …) and the fraction of the whole build that is done.
    std::function<void(std::string_view stage, double fraction)> progress;
};

/// What happened during a build, beyond what the plan itself keeps.
struct BuildReport {
    pass::Report simplification;
    std::map<std::string, double> seconds;  ///< by stage
    /// By region, in the order of the plan's steps: every tactic considered and its measured time.
    std::vector<std::vector<Candidate>> candidates;
    /// Why nodes run by reference kernels: user's node, reason.
    std::vector<std::pair<std::string, std::string>> refusals;
};

/// Simplifies the graph, chooses types, regions, tactics and layouts for the first of `backends`, and proves the plan.
/// Throws `numerics` when the gate refuses it, `contract` when a pin cannot be obeyed, `unsupported` where the backend
/// does not compute in the precision, `invalid_argument` for a profile, pin or contract that does not fit the graph.
plan::Plan build(ir::Graph graph, const runtime::Backends& backends, const BuildOptions& options,
                 BuildReport* report = nullptr);

/// Adds a target section for the first of `backends` to a plan, or renews the one that it has, and proves it. Graph,
/// types and profile stay as they are; of the options those of the schedule count: threads, gate, fuse, tune,
/// timing_cache, timing_lock, progress. Throws `numerics` when the gate refuses it, `unsupported` where the backend
/// does not compute in the plan's precision.
plan::Plan retarget(plan::Plan plan, const runtime::Backends& backends, const BuildOptions& options,
                    BuildReport* report = nullptr);

}  // namespace fovea::compiler
