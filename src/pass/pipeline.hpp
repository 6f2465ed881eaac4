#pragma once

#include <vector>

#include "pass/engine.hpp"

namespace fovea::pass {

/// The passes that every network goes through, in order.
const std::vector<Pass>& pipeline();

/// The pass called `name`; throws `invalid_argument` listing the names when there is none.
const Pass& find(std::string_view name);

/// Runs the pipeline.
Report simplify(ir::Graph& graph, const Options& options = {});

}  // namespace fovea::pass
