#include "pass/graph_tools.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/dispatch.hpp"
#include "ir/text.hpp"
#include "ops/infer.hpp"

namespace fovea::test {
namespace {

/// Copies a graph from its outputs backwards, which gives an order and names that depend on the structure only.
class Canonical {
  public:
    explicit Canonical(const ir::Graph& source)
        : source_(source), mapped_(static_cast<std::size_t>(source.value_count()), ir::kNone) {
        result_.name = "g";
        for (const ir::ValueId id : source.inputs)
            mapped_[static_cast<std::size_t>(id)] =
                result_.add_input(source.value(id).name, source.value(id).dtype, source.value(id).dims);
        for (const ir::Output& output : source.outputs) result_.outputs.push_back({output.name, copy(output.value)});
    }

    ir::Graph take() { return std::move(result_); }

  private:
    ir::ValueId copy(ir::ValueId id) {
        if (id == ir::kNone) return id;
        if (mapped_[static_cast<std::size_t>(id)] != ir::kNone) return mapped_[static_cast<std::size_t>(id)];
        const ir::Value& value = source_.value(id);
        if (value.constant)
            return mapped_[static_cast<std::size_t>(id)] = result_.add_constant(next_name(), value.constant);
        const ir::Node& node = source_.node(value.producer);
        ir::Node copied{.op = node.op, .attributes = node.attributes};
        for (const ir::ValueId input : node.inputs) copied.inputs.push_back(copy(input));
        for (const ir::ValueId output : node.outputs)
            copied.outputs.push_back(output == ir::kNone ? ir::kNone : result_.add_value({.name = next_name()}));
        for (std::size_t i = 0; i < node.outputs.size(); ++i)
            if (node.outputs[i] != ir::kNone) mapped_[static_cast<std::size_t>(node.outputs[i])] = copied.outputs[i];
        result_.add_node(std::move(copied));
        return mapped_[static_cast<std::size_t>(id)];
    }

    std::string next_name() { return "v" + std::to_string(next_++); }

    const ir::Graph& source_;
    ir::Graph result_;
    std::vector<ir::ValueId> mapped_;
    int next_ = 0;
};

}  // namespace

std::string canonical_text(const ir::Graph& graph) {
    ir::Graph copy = Canonical(graph).take();
    ops::annotate(copy);
    return ir::print(copy);
}

std::vector<Tensor> random_inputs(const ir::Graph& graph, std::uint32_t seed) {
    std::mt19937 generator(seed);
    std::vector<Tensor> inputs;
    for (const ir::ValueId id : graph.inputs) {
        Shape shape;
        for (const ir::Dim& dim : graph.value(id).dims.value()) shape.push_back(dim.known() ? dim.value : 2);
        Tensor tensor(DType::f32, shape);
        const DType type = graph.value(id).dtype;
        for (float& element : tensor.as<float>())
            element = base::is_float(type) ? static_cast<float>(generator()) / 1073741824.0f - 2.0f
                                           : static_cast<float>(generator() % 2);
        inputs.push_back(tensor.cast(type));
    }
    return inputs;
}

double relative_error(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype() || a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
    const auto x = a.cast(DType::f64), y = b.cast(DType::f64);
    double difference = 0, largest = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(a.size()); ++i) {
        const double p = x.as<double>()[i], q = y.as<double>()[i];
        if (std::isnan(p) != std::isnan(q)) return std::numeric_limits<double>::infinity();
        if (p == q || std::isnan(p)) continue;
        difference = std::max(difference, std::abs(p - q));
        largest = std::max(largest, std::abs(q));
    }
    return largest > 0 ? difference / largest : difference;
}

}  // namespace fovea::test
