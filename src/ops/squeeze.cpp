#include <algorithm>

#include "base/limits.hpp"
#include "ops/axes.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

bool contains(const std::vector<std::size_t>& axes, std::size_t axis) {
    return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

/// Output rank when only the number of axes is known.
std::optional<ir::Dims> unknown_dims(const InferContext& c, std::int64_t sign) {
    const std::int64_t count = c.has(1) ? known_count(c.dims(1)) : -1;
    if (!c.dims(0) || count < 0) return std::nullopt;
    const std::int64_t rank = static_cast<std::int64_t>(c.dims(0)->size()) + sign * count;
    c.require(rank >= 0 && rank <= base::limits::kMaxRank,
              "input 1: " + std::to_string(count) + " axes do not fit " + ir::to_string(c.dims(0)));
    return ir::Dims(static_cast<std::size_t>(rank));
}

std::optional<ir::Dims> squeezed(const InferContext& c) {
    const auto& x = c.dims(0);
    const auto numbers = c.constant_integers(1);
    if (!x || (c.has(1) && !numbers)) return unknown_dims(c, -1);
    std::vector<std::size_t> axes;
    if (numbers) {
        axes = distinct_axes(c, *numbers, x->size(), "input 1");
    } else {
        for (std::size_t i = 0; i < x->size(); ++i) {
            if (!(*x)[i].known()) return std::nullopt;
            if ((*x)[i].value == 1) axes.push_back(i);
        }
    }
    ir::Dims y;
    for (std::size_t i = 0; i < x->size(); ++i) {
        const ir::Dim& size = (*x)[i];
        if (!contains(axes, i))
            y.push_back(size);
        else
            c.require(!size.known() || size.value == 1, "axis " + std::to_string(i) + " of " + ir::to_string(x) +
                                                            " does not have the size 1 and cannot be removed");
    }
    return y;
}

void infer_squeeze(InferContext& c) {
    c.set_output(0, c.dtype(0), squeezed(c));
    keep_content(c, small_content(c, 0));
}

std::optional<ir::Dims> unsqueezed(const InferContext& c) {
    const auto& x = c.dims(0);
    const auto numbers = c.constant_integers(1);
    if (!x || !numbers) return unknown_dims(c, 1);
    const std::size_t rank = unknown_dims(c, 1)->size();
    const auto axes = distinct_axes(c, *numbers, rank, "input 1");
    ir::Dims y;
    auto next = x->begin();
    for (std::size_t i = 0; i < rank; ++i) y.push_back(contains(axes, i) ? ir::Dim(1) : *next++);
    return y;
}

void infer_unsqueeze(InferContext& c) {
    c.set_output(0, c.dtype(0), unsqueezed(c));
    keep_content(c, small_content(c, 0));
}

/// Axes whose size is not 1: the two shapes have the same ones in the same order.
std::vector<std::size_t> wide_axes(const Shape& shape) {
    std::vector<std::size_t> axes;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] != 1) axes.push_back(i);
    return axes;
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    if (input != 0) return need;
    const auto from = wide_axes(c.inputs[0]), to = wide_axes(c.outputs[0]);
    for (std::size_t i = 0; i < from.size(); ++i) {
        need.start[from[i]] = box.start[to[i]];
        need.size[from[i]] = box.size[to[i]];
    }
    return need;
}

void evaluate_box(BoxContext& c) {
    const auto from = wide_axes(c.inputs[0].full), to = wide_axes(c.output_shape);
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        for (std::size_t i = 0; i < from.size(); ++i) x[from[i]] = y[to[i]];
    });
}

const Op kOperators[] = {
    {.name = "Squeeze",
     .inputs = {1, 2},
     .infer = infer_squeeze,
     .evaluate_box = evaluate_box,
     .required_input = required_input,
     .keeps_order = true},
    {.name = "Unsqueeze",
     .inputs = {2, 2},
     .infer = infer_unsqueeze,
     .evaluate_box = evaluate_box,
     .required_input = required_input,
     .keeps_order = true},
};

}  // namespace

std::span<const Op> squeeze_operators() { return kOperators; }

}  // namespace fovea::ops
