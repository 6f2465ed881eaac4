#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    expect_real(c, 0);
    expect_positive(c, "p", 2);
    auto y = c.dims(0);
    if (y) {
        c.require(y->size() >= 2, "expected an input of rank 2 or more, found " + ir::to_string(y));
        for (std::size_t i = 2; i < y->size(); ++i) (*y)[i] = 1;
    }
    c.set_output(0, c.dtype(0), std::move(y));
}

/// The input's part under the output's `box`: whole spatial axes.
Box plane(const Shape& x, const Box& box) {
    Box need = box;
    for (std::size_t i = 2; i < x.size(); ++i) need.size[i] = x[i];
    return need;
}

Box required_input(const ShapeContext& c, int, const Box& box) { return plane(c.inputs[0], box); }

/// Folds the elements of each plane with `add(sum, element)`, starting at `start`, and stores `finish(sum, count)`.
template <class Add, class Finish>
void reduce(BoxContext& c, double start, const Add& add, const Finish& finish) {
    const Shape& x = c.inputs[0].full;
    const Reals input(c.inputs[0]);
    Results<double> output(c.output);
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        double sum = start;
        std::int64_t count = 0;
        for_each_index(plane(x, {y, Shape(y.size(), 1)}), [&](const Shape& at) {
            sum = add(sum, input[at]);
            ++count;
        });
        output[element++] = finish(sum, static_cast<double>(count));
    });
    output.store();
}

void average(BoxContext& c) {
    reduce(
        c, 0, [](double sum, double x) { return sum + x; }, [](double sum, double count) { return sum / count; });
}

void maximum(BoxContext& c) {
    reduce(
        c, -std::numeric_limits<double>::infinity(),
        [](double best, double x) { return x > best || std::isnan(x) ? x : best; },
        [](double best, double) { return best; });
}

void lp(BoxContext& c) {
    const auto p = static_cast<double>(c.integer("p", 2));
    reduce(
        c, 0, [p](double sum, double x) { return sum + std::pow(std::fabs(x), p); },
        [p](double sum, double) { return std::pow(sum, 1 / p); });
}

std::int64_t flops(const ShapeContext& c) { return base::element_count(c.inputs[0]); }

Op pool(std::string_view name, void (*evaluate_box)(BoxContext&),
        std::initializer_list<AttributeSpec> attributes = {}) {
    return {.name = name,
            .attributes = attributes,
            .infer = infer,
            .evaluate_box = evaluate_box,
            .required_input = required_input,
            .flops = flops};
}

const std::initializer_list<AttributeSpec> kLpAttributes = {{"p", AttributeKind::integer}};

const Op kOperators[] = {
    pool("GlobalAveragePool", average),
    pool("GlobalLpPool", lp, kLpAttributes),
    pool("GlobalMaxPool", maximum),
};

}  // namespace

std::span<const Op> global_pool_operators() { return kOperators; }

}  // namespace fovea::ops
