#include <cmath>

#include "ops/expect.hpp"
#include "ops/moments.hpp"
#include "ops/region.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

/// Added to the standard deviation, as the specification's function body does.
constexpr double kEpsilon = 1e-9f;

/// Regions with a mean of their own: whole along the attribute's axes, one place along the others.
Shape period(const NodeView& node, const Shape& x) {
    Shape result(x.size(), 1);
    const auto rank = static_cast<std::int64_t>(x.size());
    for (const std::int64_t axis : node.integers("axes", {0, 2, 3})) {
        node.require(axis >= -rank && axis < rank, "attribute \"axes\": expected axes of a tensor of rank " +
                                                       std::to_string(rank) + ", found " + std::to_string(axis));
        const auto i = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
        result[i] = x[i];
    }
    return result;
}

void infer(InferContext& c) {
    expect_real(c, 0);
    if (const auto shape = ir::known_shape(c.dims(0))) period(c, *shape);
    c.set_output(0, c.dtype(0), c.dims(0));
}

Box required_input(const ShapeContext& c, int, const Box& box) { return region_cover(box, period(c, c.inputs[0])); }

void evaluate_box(BoxContext& c) {
    const Reals x(c.inputs[0]);
    Results<double> y(c.output);
    for_each_region(c.box, period(c, c.inputs[0].full), [&](const Box& region, const Box& part) {
        const Moments of = moments(x, region);
        for_each_index(part, [&](const Shape& at) {
            y[offset_in(c.box, at)] = (x[at] - of.mean) / (std::sqrt(of.variance) + kEpsilon);
        });
    });
    y.store();
}

std::int64_t flops(const ShapeContext& c) { return 6 * base::element_count(c.inputs[0]); }

const Op kOperators[] = {{.name = "MeanVarianceNormalization",
                          .attributes = {{"axes", AttributeKind::integers}},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input,
                          .flops = flops}};

}  // namespace

std::span<const Op> mean_variance_operators() { return kOperators; }

}  // namespace fovea::ops
