#include "ops/counted.hpp"

#include <algorithm>

#include "fovea/error.hpp"

namespace fovea::ops {
namespace {

/// Most elements that a tensor gets by being bounded.
constexpr std::int64_t kMostElements = std::int64_t{1} << 28;

class Bounds {
  public:
    Bounds(const ir::Graph& graph, ValueTable& values, const std::function<bool(ir::NodeId)>& takes)
        : graph_(graph), values_(values), takes_(takes), symbolic_(values), late_(values.size(), false) {}

    std::size_t run() {
        for (const ir::NodeId id : graph_.order()) {
            const ir::Node& node = graph_.node(id);
            const Op& op = *find(node.op);
            if (takes_(id) && !reads_late(node)) {
                if (op.found)
                    find_places(node, op);
                else if (reads_counted(node, values_))
                    follow(node, op);
            }
            mark_late(node);
        }
        return most_.size();
    }

  private:
    static std::size_t at(ir::ValueId id) { return static_cast<std::size_t>(id); }

    [[nodiscard]] bool constant(ir::ValueId id) const { return static_cast<bool>(values_[at(id)].constant); }

    /// Late values have their real size, which the host knows when it has computed them.
    [[nodiscard]] bool reads_late(const ir::Node& node) const {
        return std::any_of(node.inputs.begin(), node.inputs.end(),
                           [&](ir::ValueId id) { return id != ir::kNone && late_[at(id)]; });
    }

    void mark_late(const ir::Node& node) {
        const bool late = reads_late(node) || (reads_counted(node, values_) && !takes_counted(node, values_));
        for (const ir::ValueId id : node.outputs)
            if (id != ir::kNone) late_[at(id)] = !constant(id) && (late || !ir::known_shape(values_[at(id)].dims));
    }

    /// Shapes around a node where all are known.
    [[nodiscard]] std::optional<ShapeContext> shapes_of(const ir::Node& node) const {
        ShapeContext context(node);
        for (const ir::ValueId id : node.inputs) {
            const auto shape = id == ir::kNone ? Shape() : ir::known_shape(values_[at(id)].dims);
            if (!shape) return std::nullopt;
            context.inputs.push_back(*shape);
            context.input_types.push_back(id == ir::kNone ? DType::undefined : values_[at(id)].dtype);
            context.constants.push_back(id == ir::kNone ? Tensor() : values_[at(id)].constant);
        }
        return context;
    }

    [[nodiscard]] const Counted* counted(ir::ValueId id) const {
        return id == ir::kNone || !values_[at(id)].counted ? nullptr : &*values_[at(id)].counted;
    }

    /// The one count of what a node reads.
    [[nodiscard]] std::optional<std::size_t> count_of(const ir::Node& node) const {
        std::optional<std::size_t> count;
        for (const ir::ValueId id : node.inputs)
            if (const Counted* one = counted(id)) {
                if (count && *count != one->count) return std::nullopt;
                count = one->count;
            }
        return count;
    }

    void find_places(const ir::Node& node, const Op& op) {
        const ir::ValueId result = node.outputs[0];
        const auto shapes = shapes_of(node);
        if (!shapes || result == ir::kNone || constant(result)) return;
        for (std::size_t i = 1; i < node.outputs.size(); ++i)
            if (node.outputs[i] != ir::kNone) return;
        CountedAxes axes(node.inputs.size());
        for (std::size_t i = 0; i < axes.size(); ++i)
            if (const Counted* one = counted(node.inputs[i])) axes[i] = one->axis;
        if (reads_counted(node, values_) && !count_of(node)) return;
        const auto found = op.found(*shapes, axes);
        if (!found || found->most < 1 || !values_[at(result)].dims) return;
        ValueInfo info = values_[at(result)];
        const std::size_t count = most_.size();
        (*info.dims)[found->axis] = symbol(count);
        most_.push_back(found->most);
        if (auto largest = bounded(info, count))
            put(result, std::move(info), std::move(*largest));
        else
            most_.pop_back();
    }

    /// Bounds the results of a node that computes each of their places from the same place of what it reads.
    void follow(const ir::Node& node, const Op& op) {
        const auto count = count_of(node);
        if (!count) return;
        std::vector<const ValueInfo*> inputs;
        for (const ir::ValueId id : node.inputs) inputs.push_back(id == ir::kNone ? nullptr : &symbolic_[at(id)]);
        auto shapes = shapes_of(node);
        if (!shapes) return;
        std::vector<ValueInfo> results = infer_node(node, inputs), largest;
        for (const ValueInfo& info : results) {
            auto one = bounded(info, *count);
            if (!one) return;
            shapes->outputs.push_back(*ir::known_shape(one->dims));
            largest.push_back(std::move(*one));
        }
        for (std::size_t i = 0; i < results.size(); ++i)
            if (!place_by_place(node, op, *shapes, i, largest[i].counted->axis)) return;
        for (std::size_t i = 0; i < node.outputs.size(); ++i)
            if (node.outputs[i] != ir::kNone) put(node.outputs[i], std::move(results[i]), std::move(largest[i]));
    }

    static ir::Dim symbol(std::size_t count) { return ir::Dim("found#" + std::to_string(count)); }

    /// The one axis whose size is the count, where all other sizes are known.
    [[nodiscard]] static std::optional<std::size_t> counted_axis(const ValueInfo& info, std::size_t count) {
        if (info.constant || !info.dims) return std::nullopt;
        std::optional<std::size_t> axis;
        for (std::size_t i = 0; i < info.dims->size(); ++i) {
            const ir::Dim& dim = (*info.dims)[i];
            if (dim.known()) continue;
            if (axis || !dim.same(symbol(count))) return std::nullopt;
            axis = i;
        }
        return axis;
    }

    /// Whether a place along `axis` of output `output` needs no other place of what is counted.
    [[nodiscard]] bool place_by_place(const ir::Node& node, const Op& op, const ShapeContext& shapes,
                                      std::size_t output, std::size_t axis) const {
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const Counted* one = counted(node.inputs[i]);
            if (!one) continue;
            const std::size_t from = one->axis;
            const Shape &x = shapes.inputs[i], &y = shapes.outputs[output];
            if (op.keeps_order && i == 0 && outer(x, from) == outer(y, axis)) continue;
            if (op.partitions && i == 0 && from == axis) continue;
            if (!op.required_input || output != 0) return false;
            for (const std::int64_t place : {std::int64_t{0}, y[axis] / 2, y[axis] - 1}) {
                Box box = Box::whole(y);
                box.start[axis] = place;
                box.size[axis] = 1;
                const Box need = op.required_input(shapes, static_cast<int>(i), box);
                if (need.start[from] != place || need.size[from] != 1) return false;
            }
        }
        return true;
    }

    static std::int64_t outer(const Shape& shape, std::size_t axis) {
        return base::element_count(std::span(shape).first(axis));
    }

    /// `info` with the count at its largest; nothing where it has no such axis or gets too large.
    [[nodiscard]] std::optional<ValueInfo> bounded(ValueInfo info, std::size_t count) const {
        const auto axis = counted_axis(info, count);
        if (!axis) return std::nullopt;
        (*info.dims)[*axis] = ir::Dim(most_[count]);
        info.counted = Counted{*axis, count};
        info.content.reset();
        if (base::element_count(*ir::known_shape(info.dims)) > kMostElements) return std::nullopt;
        return info;
    }

    void put(ir::ValueId id, ValueInfo symbolic, ValueInfo largest) {
        symbolic_[at(id)] = std::move(symbolic);
        values_[at(id)] = std::move(largest);
    }

    const ir::Graph& graph_;
    ValueTable& values_;
    const std::function<bool(ir::NodeId)>& takes_;
    ValueTable symbolic_;     ///< the counted sizes as symbols, so that inference tells which results have them, too
    std::vector<bool> late_;  ///< by value
    std::vector<std::int64_t> most_;  ///< by count
};

}  // namespace

std::size_t bound_counts(const ir::Graph& graph, ValueTable& values, const std::function<bool(ir::NodeId)>& takes) {
    return Bounds(graph, values, takes).run();
}

bool reads_counted(const ir::Node& node, const ValueTable& values) {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](ir::ValueId id) { return id != ir::kNone && values[static_cast<std::size_t>(id)].counted; });
}

bool takes_counted(const ir::Node& node, const ValueTable& values) {
    return std::all_of(node.outputs.begin(), node.outputs.end(),
                       [&](ir::ValueId id) { return id == ir::kNone || values[static_cast<std::size_t>(id)].counted; });
}

Shape shape_in_run(const ValueInfo& info, std::span<const std::int64_t> counts) {
    Shape shape = *ir::known_shape(info.dims);
    if (info.counted) shape[info.counted->axis] = std::min(shape[info.counted->axis], counts[info.counted->count]);
    return shape;
}

}  // namespace fovea::ops
