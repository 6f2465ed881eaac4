#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/op.hpp"

namespace fovea::ops {

/// What is known of every value of a graph, by `ir::ValueId`.
using ValueTable = std::vector<ValueInfo>;

struct InferOptions {
    /// Nodes with constant inputs are evaluated when each output has at most this many elements.
    std::int64_t fold_elements = 4096;
    /// Operations that such evaluations may still take together, counted down; nullptr: no bound. Tensors of up to 64
    /// elements, as shapes are, are evaluated in any case.
    std::int64_t* fold_budget = nullptr;
    /// Concrete shapes of graph inputs by name; override the declared ones.
    std::map<std::string, Shape> input_shapes;
};

/// Infers types and shapes of all values in order; small shape arithmetic is evaluated on the way. Throws
/// `invalid_model` with the node as context where shapes or types contradict each other.
ValueTable infer(const ir::Graph& graph, const InferOptions& options = {});

/// Runs `infer` and stores dtype and dims in the graph's values.
void annotate(ir::Graph& graph, const InferOptions& options = {});

/// Checks one node and infers its outputs from what is known of its inputs (nullptr: omitted).
std::vector<ValueInfo> infer_node(const ir::Node& node, std::vector<const ValueInfo*> inputs,
                                  const InferOptions& options = {});

}  // namespace fovea::ops
