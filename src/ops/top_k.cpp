#include <algorithm>
#include <cmath>

#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    expect_types(c, 0, Types::number);
    c.set_output(0, c.dtype(0), std::nullopt);
    c.set_output(1, DType::i64, std::nullopt);
    const auto k = c.constant_integers(1);
    c.require(!k || (k->size() == 1 && k->front() >= 0), "input \"K\": expected one number from 0 on");
    if (!c.dims(0)) return;
    ir::Dims y = *c.dims(0);
    c.require(!y.empty(), "expected an input of rank 1 or more, found a scalar");
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", -1, y.size()));
    if (k && y[axis].known())
        c.require(k->front() <= y[axis].value, "input \"K\": expected at most the " + std::to_string(y[axis].value) +
                                                   " elements along axis " + std::to_string(axis) + ", found " +
                                                   std::to_string(k->front()));
    const auto content = k ? std::nullopt : c.content(1);
    y[axis] = k ? ir::Dim(k->front()) : content && content->size() == 1 ? content->front() : ir::Dim();
    c.set_output(0, c.dtype(0), y);
    c.set_output(1, DType::i64, std::move(y));
}

template <class Number>
bool is_nan(Number value) {
    return value != value;
}

/// The order of elements: the largest (or smallest) first, NaN counting as larger than all numbers, then by place.
template <class Number>
bool before(Number a, Number b, std::int64_t place_a, std::int64_t place_b, bool largest) {
    if (is_nan(a) != is_nan(b)) return is_nan(a) == largest;
    if (a == b || is_nan(a)) return place_a < place_b;
    return largest ? a > b : a < b;
}

void evaluate(EvalContext& c) {
    const Tensor& x = c.input(0);
    const auto counts = c.input(1).to_int64();
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", -1, x.shape().size()));
    const bool largest = c.integer("largest", 1) != 0;
    c.require(counts.size() == 1 && counts[0] >= 0 && counts[0] <= x.shape()[axis],
              "input \"K\": expected one number of at most " + std::to_string(x.shape()[axis]));
    Shape shape = x.shape();
    shape[axis] = counts[0];
    Tensor& indices = c.make_output(1, DType::i64, shape);
    visit_wide(x.dtype(), [&]<class Number>() {
        const Tensor wide = x.cast(dtype_of<Number>());
        Tensor values(dtype_of<Number>(), shape);
        const Box from = Box::whole(x.shape()), to = Box::whole(shape);
        std::vector<std::pair<Number, std::int64_t>> line(static_cast<std::size_t>(x.shape()[axis]));
        Box lines = to;
        lines.size[axis] = 1;
        for_each_index(lines, [&](Shape at) {
            for (at[axis] = 0; at[axis] < x.shape()[axis]; ++at[axis])
                line[static_cast<std::size_t>(at[axis])] = {wide.as<Number>()[offset_in(from, at)], at[axis]};
            std::sort(line.begin(), line.end(), [&](const auto& a, const auto& b) {
                return before(a.first, b.first, a.second, b.second, largest);
            });
            for (at[axis] = 0; at[axis] < shape[axis]; ++at[axis]) {
                const auto& [value, place] = line[static_cast<std::size_t>(at[axis])];
                values.as<Number>()[offset_in(to, at)] = value;
                indices.as<std::int64_t>()[offset_in(to, at)] = place;
            }
        });
        c.set_output(0, values.cast(x.dtype()));
    });
}

std::int64_t flops(const ShapeContext& c) { return base::element_count(c.inputs[0]); }

const Op kOperators[] = {
    {.name = "TopK",
     .inputs = {2, 2},
     .outputs = {2, 2},
     .attributes = {{"axis", AttributeKind::integer},
                    {"largest", AttributeKind::integer},
                    {"sorted", AttributeKind::integer}},
     .infer = infer,
     .evaluate = evaluate,
     .flops = flops},
};

}  // namespace

std::span<const Op> top_k_operators() { return kOperators; }

}  // namespace fovea::ops
