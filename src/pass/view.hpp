#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ir/graph.hpp"
#include "ops/infer.hpp"

namespace fovea::pass {

/// What constant folding may still create; shared by all passes of one run.
struct FoldBudget {
    std::int64_t bytes;  ///< growth of the constants
    std::int64_t work;   ///< elements written and multiply-adds done
};

/// A graph as passes read it, with what is known of its values. Stays valid while no patch is applied.
class View {
  public:
    View(const ir::Graph& graph, const ops::ValueTable& table, std::vector<ir::NodeId> order, FoldBudget& budget);

    [[nodiscard]] const ir::Graph& graph() const { return *graph_; }
    /// Live nodes, producers first.
    [[nodiscard]] const std::vector<ir::NodeId>& order() const { return order_; }
    [[nodiscard]] FoldBudget& budget() const { return *budget_; }

    [[nodiscard]] const ops::ValueInfo& info(ir::ValueId id) const { return (*table_)[static_cast<std::size_t>(id)]; }
    [[nodiscard]] DType dtype(ir::ValueId id) const { return info(id).dtype; }
    [[nodiscard]] const std::optional<ir::Dims>& dims(ir::ValueId id) const { return info(id).dims; }
    /// All sizes as numbers, where they are known.
    [[nodiscard]] std::optional<Shape> shape(ir::ValueId id) const { return ir::known_shape(info(id).dims); }
    [[nodiscard]] std::optional<std::int64_t> rank(ir::ValueId id) const;
    /// Whether both have the same shape in every run.
    [[nodiscard]] bool same_dims(ir::ValueId a, ir::ValueId b) const;

    /// Constant of the graph, or nullptr; also nullptr for `kNone`.
    [[nodiscard]] const Tensor* constant(ir::ValueId id) const { return graph_->constant(id); }
    /// The element of a floating-point or integer constant with one element.
    [[nodiscard]] std::optional<double> scalar(ir::ValueId id) const;
    /// Elements of an integer constant.
    [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(ir::ValueId id) const;
    /// Elements of an integer value as sizes, known or symbolic.
    [[nodiscard]] std::optional<ir::Dims> content(ir::ValueId id) const;

    [[nodiscard]] const std::vector<ir::NodeId>& readers(ir::ValueId id) const {
        return readers_[static_cast<std::size_t>(id)];
    }
    /// The node that produces `id`, or nullptr for inputs, constants and `kNone`.
    [[nodiscard]] const ir::Node* producer(ir::ValueId id) const;
    /// The node that produces `id` when it is an `op`, otherwise nullptr.
    [[nodiscard]] const ir::Node* producer(ir::ValueId id, std::string_view op) const;
    [[nodiscard]] bool is_output(ir::ValueId id) const { return is_output_[static_cast<std::size_t>(id)]; }
    /// One node reads the value, once, and it is no output of the graph.
    [[nodiscard]] bool single_use(ir::ValueId id) const;
    /// Input `i` of `node`, or `kNone` when omitted or missing.
    [[nodiscard]] static ir::ValueId input(const ir::Node& node, std::size_t i) {
        return i < node.inputs.size() ? node.inputs[i] : ir::kNone;
    }

  private:
    const ir::Graph* graph_;
    const ops::ValueTable* table_;
    std::vector<ir::NodeId> order_;
    std::vector<std::vector<ir::NodeId>> readers_;
    std::vector<bool> is_output_;
    FoldBudget* budget_;
};

}  // namespace fovea::pass
