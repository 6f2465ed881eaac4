#pragma once

#include <string>
#include <vector>

#include "ir/patch.hpp"
#include "ops/infer.hpp"

namespace fovea::pass {

/// What is known of a graph's values, kept up to date while patches are applied. Facts about a value stay true when its
/// readers or its definition change, because patches keep contents; so knowledge only grows.
class State {
  public:
    explicit State(ir::Graph& graph);

    [[nodiscard]] const ops::ValueTable& table() const { return table_; }
    [[nodiscard]] const std::vector<ir::NodeId>& order() const { return order_; }

    /// Takes in what patches did: infers the new nodes and whatever follows from them. Throws `internal` when a
    /// replacement changed type or shape.
    void update(const std::vector<ir::Applied>& applied);
    /// Writes types and shapes into the graph's values.
    void annotate() const;

  private:
    /// Infers one node; whether anything new came of it.
    bool infer(ir::NodeId id);
    void add_constant(ir::ValueId id);

    ir::Graph& graph_;
    ops::ValueTable table_;
    std::vector<ir::NodeId> order_;
};

}  // namespace fovea::pass
