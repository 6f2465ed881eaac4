#include "ops/broadcast.hpp"
#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

std::size_t axis_of(const NodeView& node, std::int64_t fallback, std::size_t rank) {
    // A scalar counts as a vector of one element.
    return static_cast<std::size_t>(expect_axis(node, "axis", fallback, rank ? rank : 1));
}

void infer_index(InferContext& c) {
    expect_types(c, 0, Types::number);
    c.set_output(0, DType::i64, std::nullopt);
    if (!c.dims(0)) return;
    ir::Dims y = *c.dims(0);
    const std::size_t axis = axis_of(c, 0, y.size());
    if (!y.empty()) {
        c.require(!y[axis].known() || y[axis].value > 0, "axis " + std::to_string(axis) + " of the input is empty");
        if (c.integer("keepdims", 1))
            y[axis] = 1;
        else
            y.erase(y.begin() + static_cast<std::ptrdiff_t>(axis));
    }
    c.set_output(0, DType::i64, std::move(y));
}

/// The elements along `axis` that the place `y` of the output stands for.
Box line(const NodeView& node, const Shape& x, std::size_t axis, const Box& y) {
    if (x.empty()) return y;
    Box result = y;
    if (!node.integer("keepdims", 1)) {
        result.start.insert(result.start.begin() + static_cast<std::ptrdiff_t>(axis), 0);
        result.size.insert(result.size.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    }
    result.start[axis] = 0;
    result.size[axis] = x[axis];
    return result;
}

Box index_input(const ShapeContext& c, int, const Box& box) {
    return line(c, c.inputs[0], axis_of(c, 0, c.inputs[0].size()), box);
}

/// Sets the output to the place along the axis of the element that stands before all others in the order `before`. As
/// in ONNX's reference implementation (NumPy), a NaN stands before all numbers, and of several NaN the first or, where
/// the last of equals is asked for, the last.
template <class Before>
void first_place(BoxContext& c, const Before& before) {
    const Window& x = c.inputs[0];
    const std::size_t axis = axis_of(c, 0, x.full.size());
    const bool last = c.integer("select_last_index", 0) != 0;
    visit_wide(x.data.dtype(), [&]<class Number>() {
        const Tensor wide = x.data.cast(dtype_of<Number>());
        const auto values = wide.as<Number>();
        const auto target = c.output.as<std::int64_t>();
        std::size_t element = 0;
        for_each_index(c.box, [&](const Shape& y) {
            std::int64_t place = 0, best = 0;
            Number extreme{};
            for_each_index(line(c, x.full, axis, {y, Shape(y.size(), 1)}), [&](const Shape& at) {
                const Number value = values[offset_in(x.box, at)];
                if (place == 0 || before(value, extreme) || (last && value == extreme) ||
                    (value != value && (last || extreme == extreme))) {
                    extreme = value;
                    best = place;
                }
                ++place;
            });
            target[element++] = best;
        });
    });
}

void arg_max(BoxContext& c) { first_place(c, std::greater<>()); }
void arg_min(BoxContext& c) { first_place(c, std::less<>()); }

std::int64_t flops(const ShapeContext& c) { return base::element_count(c.inputs[0]); }

void infer_hardmax(InferContext& c) {
    infer_unary<Types::real>(c);
    if (c.dims(0)) axis_of(c, -1, c.dims(0)->size());
}

Box hardmax_input(const ShapeContext& c, int, const Box& box) {
    if (box.size.empty()) return box;
    Box need = box;
    const std::size_t axis = axis_of(c, -1, box.size.size());
    need.start[axis] = 0;
    need.size[axis] = c.inputs[0][axis];
    return need;
}

/// 1 at the first largest element along the axis, 0 elsewhere.
void hardmax(BoxContext& c) {
    const Window& x = c.inputs[0];
    const Tensor wide = x.data.cast(DType::f64);
    const auto values = wide.as<double>();
    Tensor result(DType::f64, c.box.size);
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        bool chosen = true;
        const double own = values[offset_in(x.box, y)];
        if (!y.empty()) {
            const std::size_t axis = axis_of(c, -1, y.size());
            Shape at = y;
            for (at[axis] = 0; at[axis] < x.full[axis]; ++at[axis]) {
                const double other = values[offset_in(x.box, at)];
                if (other > own || (other == own && at[axis] < y[axis])) chosen = false;
            }
        }
        result.as<double>()[element++] = chosen;
    });
    c.output = result.cast(c.output.dtype());
}

const Op kOperators[] = {
    {.name = "ArgMax",
     .attributes = {{"axis", AttributeKind::integer},
                    {"keepdims", AttributeKind::integer},
                    {"select_last_index", AttributeKind::integer}},
     .infer = infer_index,
     .evaluate_box = arg_max,
     .required_input = index_input,
     .flops = flops},
    {.name = "ArgMin",
     .attributes = {{"axis", AttributeKind::integer},
                    {"keepdims", AttributeKind::integer},
                    {"select_last_index", AttributeKind::integer}},
     .infer = infer_index,
     .evaluate_box = arg_min,
     .required_input = index_input,
     .flops = flops},
    {.name = "Hardmax",
     .attributes = {{"axis", AttributeKind::integer}},
     .infer = infer_hardmax,
     .evaluate_box = hardmax,
     .required_input = hardmax_input},
};

}  // namespace

std::span<const Op> arg_extremum_operators() { return kOperators; }

}  // namespace fovea::ops
