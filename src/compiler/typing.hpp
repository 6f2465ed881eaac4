#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace fovea::compiler {

/// The graph with the element types that it will run in. `choices` receives one row per node.
ir::Graph assign_types(const ir::Graph& graph, DType type, const std::map<std::string, DType>& pins,
                       std::vector<plan::Choice>& choices);

}  // namespace fovea::compiler
