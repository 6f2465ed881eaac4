#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "ops/op.hpp"

namespace fovea::onnx {

using Attributes = std::map<std::string, ir::Attribute, std::less<>>;

/// A graph that grows in topological order; types and shapes of its values are inferred as nodes are added.
class GraphBuilder {
  public:
    /// `fold_budget` bounds what may be evaluated on the way (see `ops::InferOptions`); it outlives the builder.
    explicit GraphBuilder(std::int64_t& fold_budget) : fold_budget_(&fold_budget) {}

    /// `name` is made unique; `origin` is the user's name of the tensor (empty: none).
    ir::ValueId add_input(const std::string& name, ops::ValueInfo info, const std::string& origin);
    ir::ValueId add_constant(const std::string& name, Tensor tensor, const std::string& origin = {});
    /// A value that a node added later produces.
    ir::ValueId add_result(const std::string& name, const std::string& origin = {});
    /// Notes a further name that the user gave to `id`.
    void add_origin(ir::ValueId id, std::string name) { graph_.value(id).origins.push_back(std::move(name)); }
    /// Checks the node, infers its outputs and appends it. Its outputs come from `add_result`. Errors carry the node.
    void add_node(ir::Node node);
    void add_output(std::string name, ir::ValueId value) { graph_.outputs.push_back({std::move(name), value}); }

    [[nodiscard]] const ops::ValueInfo& info(ir::ValueId id) const { return infos_[static_cast<std::size_t>(id)]; }
    [[nodiscard]] const ir::Graph& graph() const { return graph_; }
    [[nodiscard]] ir::Graph& graph() { return graph_; }

    /// The graph with types and shapes stored, without what nothing uses.
    ir::Graph finish();

  private:
    ir::ValueId add(ir::Value value, ops::ValueInfo info, const std::string& origin);

    std::int64_t* fold_budget_;
    ir::Graph graph_;
    std::deque<ops::ValueInfo> infos_;
};

}  // namespace fovea::onnx
