#include <algorithm>

#include "ops/body.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

using Integers = std::vector<std::int64_t>;

/// Inputs of the node: states, scanned tensors, captured values; outputs: states, stacked values.
struct Layout {
    const ir::Graph* body;
    std::size_t states, scanned, stacked;
    Integers input_axes, input_directions, output_axes, output_directions;  ///< axes may be negative; 1: backwards
};

Integers listed(const NodeView& node, std::string_view key, std::size_t count, bool flags) {
    auto values = node.integers(key, Integers(count, 0));
    node.require(values.size() == count, "attribute \"" + std::string(key) + "\": expected " + std::to_string(count) +
                                             " numbers, found " + base::to_string(values));
    for (const std::int64_t value : values)
        node.require(!flags || value == 0 || value == 1,
                     "attribute \"" + std::string(key) + "\": expected 0 and 1 only, found " + base::to_string(values));
    return values;
}

Layout layout_of(const NodeView& node) {
    const std::size_t formal = formal_inputs(node, 1);
    const std::int64_t scanned = node.integer("num_scan_inputs", 0);
    node.require(scanned >= 1 && scanned <= static_cast<std::int64_t>(formal),
                 "attribute \"num_scan_inputs\": expected a number from 1 to " + std::to_string(formal) + ", found " +
                     std::to_string(scanned));
    const auto scans = static_cast<std::size_t>(scanned), states = formal - scans;
    const ir::Graph& body = body_of(node, "body", node.node().inputs.size());
    node.require(body.outputs.size() >= states && node.node().outputs.size() <= body.outputs.size(),
                 "the body has " + std::to_string(body.outputs.size()) + " outputs for " + std::to_string(states) +
                     " states and " + std::to_string(node.node().outputs.size()) + " outputs of the node");
    const std::size_t stacked = body.outputs.size() - states;
    return {&body,
            states,
            scans,
            stacked,
            listed(node, "scan_input_axes", scans, false),
            listed(node, "scan_input_directions", scans, true),
            listed(node, "scan_output_axes", stacked, false),
            listed(node, "scan_output_directions", stacked, true)};
}

std::size_t place_of(const NodeView& node, std::int64_t axis, std::size_t rank) {
    const auto count = static_cast<std::int64_t>(rank);
    node.require(axis >= -count && axis < count,
                 "the scan axis " + std::to_string(axis) + " does not fit the rank " + std::to_string(rank));
    return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

void infer(InferContext& c) {
    const Layout layout = layout_of(c);
    std::vector<ValueInfo> arguments;
    for (std::size_t i = 0; i < layout.states; ++i) arguments.push_back(varying(c.input(i)));
    ir::Dim length;
    for (std::size_t i = 0; i < layout.scanned; ++i) {
        ValueInfo info = varying(c.input(layout.states + i));
        if (info.dims) {
            const std::size_t axis = place_of(c, layout.input_axes[i], info.dims->size());
            length = expect_same(c, length, (*info.dims)[axis], "lengths of the scanned inputs");
            info.dims->erase(info.dims->begin() + static_cast<std::ptrdiff_t>(axis));
        }
        arguments.push_back(std::move(info));
    }
    for (std::size_t i = layout.states + layout.scanned; i < c.input_count(); ++i) arguments.push_back(c.input(i));
    const auto results = c.infer_body(*layout.body, std::move(arguments));
    for (std::size_t i = 0; i < layout.states; ++i)
        c.set_output(i, either(c, varying(c.input(i)), varying(results[i])));
    for (std::size_t i = 0; i < layout.stacked; ++i) {
        auto dims = results[layout.states + i].dims;
        if (dims)
            dims->insert(
                dims->begin() + static_cast<std::ptrdiff_t>(place_of(c, layout.output_axes[i], dims->size() + 1)),
                length);
        c.set_output(layout.states + i, results[layout.states + i].dtype, std::move(dims));
    }
}

/// Places that every scanned input has.
std::int64_t length_of(const EvalContext& c, const Layout& layout) {
    std::int64_t length = -1;
    for (std::size_t i = 0; i < layout.scanned; ++i) {
        const Shape& shape = c.input(layout.states + i).shape();
        const std::int64_t size = shape[place_of(c, layout.input_axes[i], shape.size())];
        c.require(length < 0 || length == size, "the scanned inputs differ in length");
        length = size;
    }
    return length;
}

std::vector<Tensor> step(const EvalContext& c, const Layout& layout, std::vector<Tensor> states, std::int64_t at,
                         std::int64_t length) {
    std::vector<Tensor> arguments = std::move(states);
    for (std::size_t i = 0; i < layout.scanned; ++i) {
        const Tensor& x = c.input(layout.states + i);
        arguments.push_back(take(x, place_of(c, layout.input_axes[i], x.shape().size()),
                                 layout.input_directions[i] ? length - 1 - at : at));
    }
    for (std::size_t i = layout.states + layout.scanned; i < c.input_count(); ++i) arguments.push_back(c.input(i));
    return c.evaluate_body(*layout.body, std::move(arguments));
}

void evaluate(EvalContext& c) {
    const Layout layout = layout_of(c);
    const std::int64_t length = length_of(c, layout);
    std::vector<Tensor> states;
    for (std::size_t i = 0; i < layout.states; ++i) states.push_back(c.input(i));
    std::vector<std::vector<Tensor>> stacked(layout.stacked);
    for (std::int64_t at = 0; at < length; ++at) {
        auto results = step(c, layout, std::move(states), at, length);
        states.assign(std::make_move_iterator(results.begin()),
                      std::make_move_iterator(results.begin() + static_cast<std::ptrdiff_t>(layout.states)));
        for (std::size_t i = 0; i < layout.stacked; ++i) stacked[i].push_back(std::move(results[layout.states + i]));
    }
    for (std::size_t i = 0; i < layout.states; ++i) c.set_output(i, std::move(states[i]));
    for (std::size_t i = 0; i < layout.stacked; ++i) {
        if (!c.wants_output(layout.states + i)) continue;
        if (stacked[i].empty()) {
            c.set_output(layout.states + i, empty_stack(c, layout.states + i));
            continue;
        }
        if (layout.output_directions[i]) std::reverse(stacked[i].begin(), stacked[i].end());
        const std::size_t axis = place_of(c, layout.output_axes[i], stacked[i][0].shape().size() + 1);
        c.set_output(layout.states + i, stack(c, stacked[i], axis));
    }
}

const Op kOperators[] = {{.name = "Scan",
                          .inputs = {1, Arity::kAny},
                          .outputs = {1, Arity::kAny},
                          .attributes = {{"body", AttributeKind::graph, true},
                                         {"captures", AttributeKind::integer},
                                         {"num_scan_inputs", AttributeKind::integer, true},
                                         {"scan_input_axes", AttributeKind::integers},
                                         {"scan_input_directions", AttributeKind::integers},
                                         {"scan_output_axes", AttributeKind::integers},
                                         {"scan_output_directions", AttributeKind::integers}},
                          .infer = infer,
                          .evaluate = evaluate}};

}  // namespace

std::span<const Op> scan_operators() { return kOperators; }

}  // namespace fovea::ops
