#include <cmath>

#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/window.hpp"

namespace fovea::ops {
namespace {

SlidingWindow window_of(const NodeView& node, const std::vector<std::int64_t>& spatial) {
    return sliding_window(node, node.integers("kernel_shape"), spatial);
}

void infer(InferContext& c) {
    const auto& x = c.dims(0);
    std::optional<ir::Dims> y;
    if (x) {
        c.require(x->size() >= 3, "expected an input of rank 3 or more, found " + ir::to_string(x));
        const SlidingWindow window = window_of(c, spatial_sizes(*x));
        y = ir::Dims{(*x)[0], (*x)[1]};
        for (std::size_t i = 2; i < x->size(); ++i)
            y->push_back(sliding_dim(c, window, i - 2, (*x)[i], c.integer("ceil_mode", 0) != 0));
    }
    c.set_output(0, c.dtype(0), y);
    c.set_output(1, DType::i64, y);
}

void infer_real(InferContext& c) {
    expect_real(c, 0);
    infer(c);
}

void infer_lp(InferContext& c) {
    expect_positive(c, "p", 2);
    infer_real(c);
}

void infer_max(InferContext& c) {
    if (c.dtype(0) != DType::i8 && c.dtype(0) != DType::u8) expect_real(c, 0);
    const std::int64_t order = c.integer("storage_order", 0);
    c.require(order == 0 || order == 1, "attribute \"storage_order\": expected 0 or 1, found " + std::to_string(order));
    infer(c);
}

Box required_input(const ShapeContext& c, int, const Box& box) {
    const Shape& x = c.inputs[0];
    const SlidingWindow window = window_of(c, Shape(x.begin() + 2, x.end()));
    Box need = box;
    for (std::size_t i = 2; i < x.size(); ++i) sliding_input(window, i - 2, x[i], need.start[i], need.size[i]);
    return need;
}

/// One position of the window: its taps that lie on the input, and how many lie on the padded input.
struct Position {
    Shape origin;  ///< input place under the first tap
    Box taps;
    std::int64_t padded_taps = 1;
};

/// Number of taps 0, 1, … whose place `origin + tap · dilation` is below `limit`.
std::int64_t taps_below(std::int64_t limit, std::int64_t origin, std::int64_t dilation, std::int64_t taps) {
    return limit <= origin ? 0 : std::min(taps, base::ceil_div(limit - origin, dilation));
}

Position position_of(const SlidingWindow& w, const Shape& y, const Shape& x) {
    Position p{y, Box::whole(Shape(x.size(), 1))};
    for (std::size_t i = 0; i + 2 < x.size(); ++i) {
        const std::int64_t origin = y[i + 2] * w.strides[i] - w.pads_begin[i];
        const std::int64_t first = taps_below(0, origin, w.dilations[i], w.kernel[i]);
        p.origin[i + 2] = origin;
        p.taps.start[i + 2] = first;
        p.taps.size[i + 2] = taps_below(x[i + 2], origin, w.dilations[i], w.kernel[i]) - first;
        p.padded_taps *= taps_below(x[i + 2] + w.pads_end[i], origin, w.dilations[i], w.kernel[i]);
    }
    return p;
}

/// Calls `body(element, position, begin)` for every element of `box`; `begin(visit)` then calls `visit(place)` for
/// every input place under the window.
template <class Body>
void for_each_window(const NodeView& node, const Window& x, const Box& box, const Body& body) {
    const SlidingWindow window = window_of(node, Shape(x.full.begin() + 2, x.full.end()));
    std::size_t element = 0;
    Shape at(x.full.size());
    for_each_index(box, [&](const Shape& y) {
        const Position position = position_of(window, y, x.full);
        body(element++, position, [&](const auto& visit) {
            for_each_index(position.taps, [&](const Shape& tap) {
                for (std::size_t i = 0; i < at.size(); ++i)
                    at[i] = position.origin[i] + (i < 2 ? 0 : tap[i] * window.dilations[i - 2]);
                visit(static_cast<const Shape&>(at));
            });
        });
    });
}

/// Number of the place `at` in a tensor of shape `x`; `column_major` reverses the order of the spatial axes.
std::int64_t flat_index(const Shape& at, const Shape& x, bool column_major) {
    std::int64_t index = at[0] * x[1] + at[1];
    for (std::size_t i = 2; i < x.size(); ++i) {
        const std::size_t axis = column_major ? x.size() + 1 - i : i;
        index = index * x[axis] + at[axis];
    }
    return index;
}

double lowest(DType type) {
    if (type == DType::i8) return -128;
    return type == DType::u8 ? 0 : -std::numeric_limits<double>::infinity();
}

/// A NaN under the window wins. `indices` may be nullptr.
void max_pool(const NodeView& node, const Window& x, const Box& box, Tensor& y, Tensor* indices) {
    const bool column_major = node.integer("storage_order", 0) == 1;
    const Reals input(x);
    Results<double> output(y);
    for_each_window(node, x, box, [&](std::size_t element, const Position&, const auto& for_each_place) {
        double best = lowest(y.dtype());
        std::int64_t where = -1;
        for_each_place([&](const Shape& at) {
            const double value = input[at];
            if (where >= 0 && !(value > best) && !std::isnan(value)) return;
            best = value;
            where = flat_index(at, x.full, column_major);
        });
        output[element] = best;
        if (indices) indices->as<std::int64_t>()[element] = where;
    });
    output.store();
}

void evaluate_max(EvalContext& c) {
    const Tensor& x = c.input(0);
    const SlidingWindow window = window_of(c, Shape(x.shape().begin() + 2, x.shape().end()));
    Shape shape = x.shape();
    for (std::size_t i = 2; i < shape.size(); ++i)
        shape[i] = sliding_output(c, window, i - 2, shape[i], c.integer("ceil_mode", 0) != 0);
    Tensor& y = c.make_output(0, x.dtype(), shape);
    Tensor indices(DType::i64, shape);
    max_pool(c, Window::whole(x), Box::whole(shape), y, &indices);
    c.set_output(1, indices);
}

void evaluate_max_box(BoxContext& c) { max_pool(c, c.inputs[0], c.box, c.output, nullptr); }

void average_pool(BoxContext& c) {
    const bool count_padding = c.integer("count_include_pad", 0) != 0;
    const Reals input(c.inputs[0]);
    Results<double> output(c.output);
    for_each_window(
        c, c.inputs[0], c.box, [&](std::size_t element, const Position& position, const auto& for_each_place) {
            double sum = 0;
            for_each_place([&](const Shape& at) { sum += input[at]; });
            const std::int64_t taps = count_padding ? position.padded_taps : base::element_count(position.taps.size);
            output[element] = taps == 0 ? 0 : sum / static_cast<double>(taps);
        });
    output.store();
}

void lp_pool(BoxContext& c) {
    const auto p = static_cast<double>(c.integer("p", 2));
    const Reals input(c.inputs[0]);
    Results<double> output(c.output);
    for_each_window(c, c.inputs[0], c.box, [&](std::size_t element, const Position&, const auto& for_each_place) {
        double sum = 0;
        for_each_place([&](const Shape& at) { sum += std::pow(std::fabs(input[at]), p); });
        output[element] = std::pow(sum, 1 / p);
    });
    output.store();
}

std::int64_t flops(const ShapeContext& c) {
    return base::checked_mul(base::element_count(c.outputs[0]), base::element_count(c.integers("kernel_shape")));
}

const Op kOperators[] = {
    {
        .name = "AveragePool",
        .attributes = {{"auto_pad", AttributeKind::text},
                       {"ceil_mode", AttributeKind::integer},
                       {"count_include_pad", AttributeKind::integer},
                       {"dilations", AttributeKind::integers},
                       {"kernel_shape", AttributeKind::integers, true},
                       {"pads", AttributeKind::integers},
                       {"strides", AttributeKind::integers}},
        .infer = infer_real,
        .evaluate_box = average_pool,
        .required_input = required_input,
        .flops = flops,
    },
    {
        .name = "LpPool",
        .attributes = {{"auto_pad", AttributeKind::text},
                       {"ceil_mode", AttributeKind::integer},
                       {"dilations", AttributeKind::integers},
                       {"kernel_shape", AttributeKind::integers, true},
                       {"p", AttributeKind::integer},
                       {"pads", AttributeKind::integers},
                       {"strides", AttributeKind::integers}},
        .infer = infer_lp,
        .evaluate_box = lp_pool,
        .required_input = required_input,
        .flops = flops,
    },
    {
        .name = "MaxPool",
        .outputs = {1, 2},
        .attributes = {{"auto_pad", AttributeKind::text},
                       {"ceil_mode", AttributeKind::integer},
                       {"dilations", AttributeKind::integers},
                       {"kernel_shape", AttributeKind::integers, true},
                       {"pads", AttributeKind::integers},
                       {"storage_order", AttributeKind::integer},
                       {"strides", AttributeKind::integers}},
        .infer = infer_max,
        .evaluate = evaluate_max,
        .evaluate_box = evaluate_max_box,
        .required_input = required_input,
        .flops = flops,
    },
};

}  // namespace

std::span<const Op> pool_operators() { return kOperators; }

}  // namespace fovea::ops
