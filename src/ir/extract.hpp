#pragma once

#include <span>
#include <string>

#include "ir/graph.hpp"

namespace fovea::ir {

/// The part of a graph that computes the tensors `to` from the tensors `from`, as a graph of its own with these inputs
/// and outputs. A name is that of a tensor (the user's or the graph's), or of a node: its inputs that are no constants,
/// or all its outputs. An empty list stands for the graph's own inputs or outputs.
///
/// Throws `invalid_argument` when a name is unknown, when the outputs also depend on a graph input that is not in
/// `from`, or when they do not depend on something that is.
Graph extract(const Graph& graph, std::span<const std::string> from, std::span<const std::string> to);

}  // namespace fovea::ir
