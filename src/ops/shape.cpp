#include <algorithm>

#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

/// Axes [first, last) that attributes "start" and "end" select of `rank` axes; both are clamped.
std::pair<std::int64_t, std::int64_t> selected_axes(const NodeView& node, std::int64_t rank) {
    const auto clamped = [rank](std::int64_t axis) {
        return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
    };
    const std::int64_t first = clamped(node.integer("start", 0));
    return {first, std::max(first, clamped(node.integer("end", rank)))};
}

void infer_shape(InferContext& c) {
    const auto& x = c.dims(0);
    if (!x) return c.set_output(0, DType::i64, ir::Dims(1));
    const auto [first, last] = selected_axes(c, static_cast<std::int64_t>(x->size()));
    c.set_output(0, DType::i64, ir::Dims{last - first});
    keep_content(c, ir::Dims(x->begin() + first, x->begin() + last));
}

void evaluate_shape(EvalContext& c) {
    const Shape& shape = c.input(0).shape();
    const auto [first, last] = selected_axes(c, c.input(0).rank());
    c.set_output(0, Tensor::vector({shape.begin() + first, shape.begin() + last}));
}

void infer_size(InferContext& c) {
    c.set_output(0, DType::i64, ir::Dims{});
    if (c.dims(0)) keep_content(c, ir::Dims{product(*c.dims(0))});
}

void evaluate_size(EvalContext& c) { c.set_output(0, Tensor::scalar<std::int64_t>(c.input(0).size())); }

const Op kOperators[] = {
    {.name = "Shape",
     .attributes = {{"start", AttributeKind::integer}, {"end", AttributeKind::integer}},
     .infer = infer_shape,
     .evaluate = evaluate_shape},
    {.name = "Size", .infer = infer_size, .evaluate = evaluate_size},
};

}  // namespace

std::span<const Op> shape_operators() { return kOperators; }

}  // namespace fovea::ops
