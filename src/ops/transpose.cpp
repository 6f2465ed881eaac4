#include <algorithm>

#include "ops/axes.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

/// Input axis that each output axis shows.
std::vector<std::size_t> permutation(const NodeView& node, std::size_t rank) {
    auto order = first_axes(rank);
    std::reverse(order.begin(), order.end());
    order = node.integers("perm", std::move(order));
    node.require(order.size() == rank,
                 "attribute \"perm\": expected " + std::to_string(rank) + " axes, found " + base::to_string(order));
    return distinct_axes(node, order, rank, "attribute \"perm\"");
}

void infer(InferContext& c) {
    const auto& x = c.dims(0);
    if (!x) {
        const auto* order = c.node().find<std::vector<std::int64_t>>("perm");
        return c.set_output(0, c.dtype(0), order ? std::optional(ir::Dims(order->size())) : std::nullopt);
    }
    ir::Dims y;
    for (const std::size_t axis : permutation(c, x->size())) y.push_back((*x)[axis]);
    c.set_output(0, c.dtype(0), std::move(y));
}

Box required_input(const ShapeContext& c, int, const Box& box) {
    const auto order = permutation(c, box.size.size());
    Box need = box;
    for (std::size_t i = 0; i < order.size(); ++i) {
        need.start[order[i]] = box.start[i];
        need.size[order[i]] = box.size[i];
    }
    return need;
}

void evaluate_box(BoxContext& c) {
    const auto order = permutation(c, c.output_shape.size());
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        for (std::size_t i = 0; i < order.size(); ++i) x[order[i]] = y[i];
    });
}

const Op kOperators[] = {{.name = "Transpose",
                          .attributes = {{"perm", AttributeKind::integers}},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input}};

}  // namespace

std::span<const Op> transpose_operators() { return kOperators; }

}  // namespace fovea::ops
