#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/region.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer_lp(InferContext& c) {
    expect_real(c, 0);
    const std::int64_t p = c.integer("p", 2);
    c.require(p == 1 || p == 2, "attribute \"p\": expected 1 or 2, found " + std::to_string(p));
    if (c.dims(0)) expect_axis(c, "axis", -1, c.dims(0)->size());
    c.set_output(0, c.dtype(0), c.dims(0));
}

Shape rows(const NodeView& node, const Shape& x) {
    Shape period(x.size(), 1);
    const auto axis = static_cast<std::size_t>(expect_axis(node, "axis", -1, x.size()));
    period[axis] = x[axis];
    return period;
}

Box required_lp_input(const ShapeContext& c, int, const Box& box) { return region_cover(box, rows(c, c.inputs[0])); }

void lp(BoxContext& c) {
    const auto p = static_cast<double>(c.integer("p", 2));
    const Reals input(c.inputs[0]);
    Results<double> output(c.output);
    for_each_region(c.box, rows(c, c.output_shape), [&](const Box& row, const Box& part) {
        double sum = 0;
        for_each_index(row, [&](const Shape& at) { sum += std::pow(std::fabs(input[at]), p); });
        const double norm = std::pow(sum, 1 / p);
        for_each_index(part, [&](const Shape& at) { output[offset_in(c.box, at)] = norm == 0 ? 0 : input[at] / norm; });
    });
    output.store();
}

void infer_lrn(InferContext& c) {
    expect_real(c, 0);
    expect_positive(c, "size", 1);
    if (c.dims(0))
        c.require(c.dims(0)->size() >= 2, "expected an input of rank 2 or more, found " + ir::to_string(c.dims(0)));
    c.set_output(0, c.dtype(0), c.dims(0));
}

/// The channels that the channels of `box` look at.
Box neighbours(const NodeView& node, const Shape& x, Box box) {
    const std::int64_t reach = node.integer("size", 1) - 1, end = box.start[1] + box.size[1];
    box.start[1] = std::max<std::int64_t>(0, box.start[1] - reach / 2);
    box.size[1] = std::min(x[1], end + (reach + 1) / 2) - box.start[1];
    return box;
}

Box required_lrn_input(const ShapeContext& c, int, const Box& box) { return neighbours(c, c.inputs[0], box); }

void lrn(BoxContext& c) {
    const double alpha = c.number("alpha", 1e-4f), beta = c.number("beta", 0.75f), bias = c.number("bias", 1);
    const auto size = static_cast<double>(c.integer("size", 1));
    const Reals input(c.inputs[0]);
    Results<double> output(c.output);
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        double sum = 0;
        for_each_index(neighbours(c, c.output_shape, {y, Shape(y.size(), 1)}),
                       [&](const Shape& at) { sum += input[at] * input[at]; });
        output[element++] = input[y] / std::pow(bias + alpha / size * sum, beta);
    });
    output.store();
}

std::int64_t lp_flops(const ShapeContext& c) { return 3 * base::element_count(c.outputs[0]); }

std::int64_t lrn_flops(const ShapeContext& c) {
    return (2 * std::min(c.integer("size", 1), c.inputs[0][1]) + 4) * base::element_count(c.outputs[0]);
}

const Op kOperators[] = {
    {
        .name = "LRN",
        .attributes = {{"alpha", AttributeKind::number},
                       {"beta", AttributeKind::number},
                       {"bias", AttributeKind::number},
                       {"size", AttributeKind::integer, true}},
        .infer = infer_lrn,
        .evaluate_box = lrn,
        .required_input = required_lrn_input,
        .flops = lrn_flops,
    },
    {
        .name = "LpNormalization",
        .attributes = {{"axis", AttributeKind::integer}, {"p", AttributeKind::integer}},
        .infer = infer_lp,
        .evaluate_box = lp,
        .required_input = required_lp_input,
        .flops = lp_flops,
    },
};

}  // namespace

std::span<const Op> local_normalization_operators() { return kOperators; }

}  // namespace fovea::ops
