#include "pass/view.hpp"

#include "base/dispatch.hpp"

namespace fovea::pass {

View::View(const ir::Graph& graph, const ops::ValueTable& table, std::vector<ir::NodeId> order, FoldBudget& budget)
    : graph_(&graph),
      table_(&table),
      order_(std::move(order)),
      readers_(graph.consumers()),
      is_output_(readers_.size(), false),
      budget_(&budget) {
    for (const ir::Output& output : graph.outputs) is_output_[static_cast<std::size_t>(output.value)] = true;
}

std::optional<std::int64_t> View::rank(ir::ValueId id) const {
    if (!dims(id)) return std::nullopt;
    return static_cast<std::int64_t>(dims(id)->size());
}

bool View::same_dims(ir::ValueId a, ir::ValueId b) const {
    const auto &x = dims(a), &y = dims(b);
    if (!x || !y || x->size() != y->size()) return false;
    for (std::size_t i = 0; i < x->size(); ++i)
        if (!(*x)[i].same((*y)[i])) return false;
    return true;
}

std::optional<double> View::scalar(ir::ValueId id) const {
    const Tensor* tensor = constant(id);
    if (!tensor || tensor->size() != 1 || tensor->dtype() == DType::boolean) return std::nullopt;
    return tensor->cast(DType::f64).as<double>()[0];
}

std::optional<std::vector<std::int64_t>> View::integers(ir::ValueId id) const {
    const Tensor* tensor = constant(id);
    if (!tensor || !base::is_integer(tensor->dtype())) return std::nullopt;
    return tensor->to_int64();
}

std::optional<ir::Dims> View::content(ir::ValueId id) const {
    if (id == ir::kNone) return std::nullopt;
    if (info(id).content) return info(id).content;
    const Tensor& tensor = info(id).constant;
    if (!tensor || !base::is_integer(tensor.dtype())) return std::nullopt;
    return ir::to_dims(tensor.to_int64());
}

const ir::Node* View::producer(ir::ValueId id) const {
    if (id == ir::kNone) return nullptr;
    const ir::NodeId node = graph_->value(id).producer;
    return node == ir::kNone ? nullptr : &graph_->node(node);
}

const ir::Node* View::producer(ir::ValueId id, std::string_view op) const {
    const ir::Node* node = producer(id);
    return node && node->op == op && node->outputs[0] == id ? node : nullptr;
}

bool View::single_use(ir::ValueId id) const { return readers(id).size() == 1 && !is_output(id); }

}  // namespace fovea::pass
