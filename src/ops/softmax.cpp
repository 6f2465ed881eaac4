#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/region.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    expect_real(c, 0);
    if (c.dims(0)) expect_axis(c, "axis", -1, c.dims(0)->size());
    c.set_output(0, c.dtype(0), c.dims(0));
}

/// One region a row along the axis.
Shape rows(const NodeView& node, const Shape& x) {
    Shape period(x.size(), 1);
    const auto axis = static_cast<std::size_t>(expect_axis(node, "axis", -1, x.size()));
    period[axis] = x[axis];
    return period;
}

Box required_input(const ShapeContext& c, int, const Box& box) { return region_cover(box, rows(c, c.inputs[0])); }

/// Stores `finish(element - maximum, Σ exp(element - maximum))` of each row.
template <class Finish>
void normalize(BoxContext& c, const Finish& finish) {
    const Reals input(c.inputs[0]);
    Results<double> output(c.output);
    for_each_region(c.box, rows(c, c.output_shape), [&](const Box& row, const Box& part) {
        double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
        for_each_index(row, [&](const Shape& at) { maximum = std::fmax(maximum, input[at]); });
        for_each_index(row, [&](const Shape& at) { sum += std::exp(input[at] - maximum); });
        for_each_index(part, [&](const Shape& at) { output[offset_in(c.box, at)] = finish(input[at] - maximum, sum); });
    });
    output.store();
}

void softmax(BoxContext& c) {
    normalize(c, [](double x, double sum) { return std::exp(x) / sum; });
}

void log_softmax(BoxContext& c) {
    normalize(c, [](double x, double sum) { return x - std::log(sum); });
}

std::int64_t flops(const ShapeContext& c) { return 4 * base::element_count(c.outputs[0]); }

const std::initializer_list<AttributeSpec> kAttributes = {{"axis", AttributeKind::integer}};

Op row_operator(std::string_view name, void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .attributes = kAttributes,
            .infer = infer,
            .evaluate_box = evaluate_box,
            .required_input = required_input,
            .flops = flops};
}

const Op kOperators[] = {
    row_operator("LogSoftmax", log_softmax),
    row_operator("Softmax", softmax),
};

}  // namespace

std::span<const Op> softmax_operators() { return kOperators; }

}  // namespace fovea::ops
