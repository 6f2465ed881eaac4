#pragma once

#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "pass/pass.hpp"

namespace fovea::pass {

struct Options {
    /// Names of passes to leave out; a name that no pass has is an error.
    std::set<std::string, std::less<>> disabled;
    /// Stops after this many patches; two runs that differ by one patch differ by that patch only.
    std::int64_t stop_after = std::numeric_limits<std::int64_t>::max();
    /// Concrete shapes of graph inputs by name; they become the inputs' declared shapes.
    std::map<std::string, Shape> input_shapes;
};

/// One applied patch.
struct Change {
    std::int64_t number = 0;  ///< counts from 1; `stop_after = number - 1` gives the graph just before
    std::string pass;
    std::vector<std::string> removed;  ///< "Op name" of each node that went
    std::vector<std::string> added;    ///< "Op name" of each node that came
    std::vector<std::string> origins;  ///< the user's nodes that took part
    std::vector<std::string> values;   ///< names of the tensors now computed otherwise
};

struct PassReport {
    std::string pass;
    std::string summary;
    std::int64_t patches = 0;
    std::int64_t nodes_removed = 0, nodes_added = 0;
    double seconds = 0;  ///< proposing, applying and verifying
};

struct Report {
    std::vector<PassReport> passes;  ///< in pipeline order
    std::vector<Change> changes;     ///< in order of application
    std::int64_t nodes_before = 0, nodes_after = 0;
    double seconds = 0;
    bool settled = true;  ///< false: passes kept undoing each other and were stopped
};

/// Applies `passes` in order, each until it proposes nothing more, and all of them again until none does. After every
/// pass that changed something the graph is verified, and what was rewritten must have kept its type and shape; a
/// violation is an `internal` error that names pass and patch. The result has no holes, and its values carry inferred
/// types and shapes. Bodies of If, Loop and Scan are rewritten in the same way.
Report run(ir::Graph& graph, std::span<const Pass> passes, const Options& options = {});

}  // namespace fovea::pass
