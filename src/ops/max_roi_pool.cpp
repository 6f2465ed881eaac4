#include <algorithm>
#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

std::vector<std::int64_t> pooled_shape(const NodeView& node) {
    const auto shape = node.integers("pooled_shape");
    node.require(shape.size() == 2 && shape[0] > 0 && shape[1] > 0 && shape[0] < (1LL << 31) && shape[1] < (1LL << 31),
                 "attribute \"pooled_shape\": expected two positive numbers, found " + base::to_string(shape));
    return shape;
}

void infer(InferContext& c) {
    expect_real(c, 0);
    expect_real(c, 1);
    const auto pooled = pooled_shape(c);
    ir::Dims y = {ir::Dim(), ir::Dim(), pooled[0], pooled[1]};
    if (expect_rank(c, 0, 4, 4)) y[1] = (*c.dims(0))[1];
    if (expect_rank(c, 1, 2, 2)) {
        y[0] = (*c.dims(1))[0];
        expect_same(c, (*c.dims(1))[1], 5, "batch index and corners of a region");
    }
    c.set_output(0, c.dtype(0), std::move(y));
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const std::size_t shared = input == 0 ? 1 : 0;
    need.start[shared] = box.start[shared];
    need.size[shared] = box.size[shared];
    return need;
}

/// Places [first, last) of one axis.
struct Extent {
    std::int64_t first, last;
};

/// The part of an axis of `size` places that bin `bin` of `bins` covers; the corners of a region belong to it
/// (Girshick, "Fast R-CNN", 2015).
Extent bin_extent(double low, double high, double scale, std::int64_t bin, std::int64_t bins, std::int64_t size) {
    const double start = std::round(low * scale), length = std::max(std::round(high * scale) - start + 1, 1.0);
    const double step = length / static_cast<double>(bins), limit = static_cast<double>(size);
    const double first = start + std::floor(static_cast<double>(bin) * step);
    const double last = start + std::ceil(static_cast<double>(bin + 1) * step);
    return {static_cast<std::int64_t>(std::fmin(std::fmax(first, 0), limit)),
            static_cast<std::int64_t>(std::fmin(std::fmax(last, 0), limit))};
}

void evaluate_box(BoxContext& c) {
    const Window& x = c.inputs[0];
    const Reals input(x), regions(c.inputs[1]);
    const auto pooled = pooled_shape(c);
    const double scale = c.number("spatial_scale", 1);
    Results<double> result(c.output);
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        const auto corner = [&](std::int64_t i) { return regions[{y[0], i}]; };
        const double batch = corner(0);
        c.require(batch >= 0 && batch < static_cast<double>(x.full[0]),
                  "a region lies in an image outside of the batch");
        const Extent columns = bin_extent(corner(1), corner(3), scale, y[3], pooled[1], x.full[3]);
        const Extent rows = bin_extent(corner(2), corner(4), scale, y[2], pooled[0], x.full[2]);
        const bool empty = rows.first >= rows.last || columns.first >= columns.last;
        double best = empty ? 0 : -std::numeric_limits<double>::infinity();
        for (std::int64_t row = rows.first; row < rows.last; ++row)
            for (std::int64_t column = columns.first; column < columns.last; ++column)
                best = std::max(best, input[{static_cast<std::int64_t>(batch), y[1], row, column}]);
        result[element++] = best;
    });
    result.store();
}

const Op kOperators[] = {
    {.name = "MaxRoiPool",
     .inputs = {2, 2},
     .attributes = {{"pooled_shape", AttributeKind::integers, true}, {"spatial_scale", AttributeKind::number}},
     .infer = infer,
     .evaluate_box = evaluate_box,
     .required_input = required_input}};

}  // namespace

std::span<const Op> max_roi_pool_operators() { return kOperators; }

}  // namespace fovea::ops
