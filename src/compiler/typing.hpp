#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "plan/plan.hpp"

namespace fovea::compiler {

/// Throws `unsupported`, with the reason and what to ask for instead, where the backend cannot compute in `type`.
void check_offered(const backend::Backend& backend, DType type);

/// The graph with the element types that it will run in. `pins` are types by the user's node names; `choices` receives
/// a row for every one of the user's nodes. Throws `contract` where a pin cannot be obeyed.
ir::Graph assign_types(const ir::Graph& graph, DType type, const std::map<std::string, DType>& pins,
                       std::vector<plan::Choice>& choices);

}  // namespace fovea::compiler
