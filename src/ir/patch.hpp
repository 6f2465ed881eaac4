#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph.hpp"

namespace fovea::ir {

/// A change that a pass proposes: new constants and nodes, and values whose uses move to others. A pass only records;
/// a `Rewriter` changes the graph. Every replacement states that two values have the same content; new nodes may read
/// only values that come before the replaced ones, so that patches made from one state of a graph do not clash.
/// New values have ids from the graph's `value_count()` on, in the order of their creation.
class Patch {
  public:
    explicit Patch(const Graph& graph) : first_new_(graph.value_count()), next_(first_new_) {}

    /// A new constant; `name` is made unique on application.
    ValueId constant(Tensor tensor, std::string name = "constant");
    /// A new node with one output.
    ValueId node(std::string op, std::vector<ValueId> inputs,
                 std::map<std::string, Attribute, std::less<>> attributes = {}, std::string name = {});
    /// A new node with `count` outputs.
    std::vector<ValueId> node_with_outputs(int count, std::string op, std::vector<ValueId> inputs,
                                           std::map<std::string, Attribute, std::less<>> attributes = {},
                                           std::string name = {});
    /// `node`, which has one output, on other inputs; attributes, name and provenance stay.
    ValueId copy(const Node& node, std::vector<ValueId> inputs);
    /// Every use of `from` reads `to`, which holds the same content. A new `to` takes over type and name.
    void replace(ValueId from, ValueId to);
    /// Removes `node` when nothing uses its outputs, and what only it read.
    void drop(NodeId node);

    [[nodiscard]] bool empty() const { return replacements_.empty() && dropped_.empty(); }

    /// Applies this patch alone; see `Rewriter::apply`. Returns the ids of the new nodes.
    std::vector<NodeId> apply(Graph& graph) const;

  private:
    friend class Rewriter;
    ValueId first_new_, next_;
    std::vector<Value> values_;
    std::vector<Node> nodes_;
    std::vector<std::pair<ValueId, ValueId>> replacements_;
    std::vector<NodeId> dropped_;
};

/// What one patch did to the graph.
struct Applied {
    std::vector<NodeId> added, removed;
    std::vector<std::pair<ValueId, ValueId>> replaced;  ///< in ids of the changed graph
};

/// Applies patches that were all made from the state that `graph` has at construction. Nothing else may change the
/// graph meanwhile. Each patch costs time in proportion to what it touches.
class Rewriter {
  public:
    explicit Rewriter(Graph& graph);
    Rewriter(const Rewriter&) = delete;
    Rewriter& operator=(const Rewriter&) = delete;
    ~Rewriter();

    /// Applies `patch` and removes what became dead. References to values that earlier patches replaced follow the
    /// replacement. Not set: an earlier patch took away what this one reads or replaces; the graph is unchanged.
    ///
    /// New nodes get the provenance of the replaced values' producers and of the nodes that died (other than
    /// arithmetic on shapes), new values the type, name and origins of those they replace.
    std::optional<Applied> apply(const Patch& patch);

  private:
    [[nodiscard]] ValueId resolve(ValueId id) const;
    [[nodiscard]] bool live(ValueId id) const;
    [[nodiscard]] bool used(ValueId id) const;
    [[nodiscard]] bool applicable(const Patch& patch) const;
    void replace(ValueId from, ValueId to, const Applied& applied);
    void remove_dead(std::vector<NodeId> candidates, Applied& applied);
    void set_provenance(const Applied& applied, const std::vector<NodeId>& producers);

    Graph& graph_;
    std::vector<std::vector<NodeId>> readers_;
    std::vector<int> output_uses_;
    std::vector<bool> is_input_;
    std::vector<ValueId> forward_;  ///< what replaced a value, or kNone
    std::vector<ValueId> merged_;   ///< values whose origins have grown
};

}  // namespace fovea::ir
