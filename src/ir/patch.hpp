#pragma once

#include <string>
#include <vector>

#include "ir/graph.hpp"

namespace fovea::ir {

/// A change that a pass proposes: new constants and nodes, and values whose uses move to others. A pass only records;
/// `apply` changes the graph. New values have ids from the graph's `value_count()` on, in the order of their creation.
class Patch {
  public:
    explicit Patch(const Graph& graph) : graph_(&graph), next_(graph.value_count()) {}

    /// A new constant; `name` is made unique on application.
    ValueId constant(Tensor tensor, std::string name = "constant");
    /// A new node with one output.
    ValueId node(std::string op, std::vector<ValueId> inputs, std::map<std::string, Attribute, std::less<>> attributes = {},
                 std::string name = {});
    /// A new node with `count` outputs.
    std::vector<ValueId> node_with_outputs(int count, std::string op, std::vector<ValueId> inputs,
                                           std::map<std::string, Attribute, std::less<>> attributes = {},
                                           std::string name = {});
    /// Every use of `from` reads `to`, which holds the same content. Types are taken over to a new `to`.
    void replace(ValueId from, ValueId to);

    [[nodiscard]] bool empty() const { return replacements_.empty(); }
    [[nodiscard]] const Graph& graph() const { return *graph_; }

    /// Applies the patch, removes what became dead, gives the new nodes the provenance of the nodes that died and the
    /// new values the types and origins of those they replace. Returns the ids of the new nodes.
    std::vector<NodeId> apply(Graph& graph) const;

  private:
    const Graph* graph_;
    ValueId next_;
    std::vector<Value> values_;
    std::vector<Node> nodes_;
    std::vector<std::pair<ValueId, ValueId>> replacements_;
};

}  // namespace fovea::ir
