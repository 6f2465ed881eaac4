#include <algorithm>

#include "ops/axes.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    const auto sizes = c.content(1);
    if (const auto numbers = c.constant_integers(1))
        for (const std::int64_t number : *numbers)
            c.require(number >= 0, "input \"shape\": expected sizes from 0 on, found " + std::to_string(number));
    if (!c.dims(0)) return c.set_output(0, c.dtype(0), std::nullopt);
    ir::Dims y = *c.dims(0);
    const auto axes = distinct_axes(c, c.integers("axes", first_axes(y.size())), y.size(), "attribute \"axes\"");
    expect_vector(c, 1, static_cast<std::int64_t>(axes.size()));
    for (std::size_t i = 0; i < axes.size(); ++i) y[axes[i]] = sizes ? sizes->at(i) : ir::Dim();
    c.set_output(0, c.dtype(0), std::move(y));
}

/// Input place of output place 0 along an axis; negative where the input is padded.
std::int64_t shift(std::int64_t input, std::int64_t output) {
    return input >= output ? (input - output) / 2 : -((output - input) / 2);
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input != 0) return Box::whole(c.inputs[1]);
    Box need = box;
    for (std::size_t i = 0; i < box.start.size(); ++i) {
        const std::int64_t size = c.inputs[0][i], first = box.start[i] + shift(size, c.outputs[0][i]);
        need.start[i] = std::clamp<std::int64_t>(first, 0, size);
        need.size[i] = std::clamp<std::int64_t>(first + box.size[i], 0, size) - need.start[i];
    }
    return need;
}

void evaluate_box(BoxContext& c) {
    const Window& x = c.inputs[0];
    c.output = Tensor::zeros(c.output.dtype(), c.box.size);
    const ElementCopy copy(x.data, c.output);
    Shape at(x.full.size());
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        for (std::size_t i = 0; i < at.size(); ++i) at[i] = y[i] + shift(x.full[i], c.output_shape[i]);
        if (inside(at, x.full)) copy(element, offset_in(x.box, at));
        ++element;
    });
}

const Op kOperators[] = {{
    .name = "CenterCropPad",
    .inputs = {2, 2},
    .attributes = {{"axes", AttributeKind::integers}},
    .infer = infer,
    .evaluate_box = evaluate_box,
    .required_input = required_input,
}};

}  // namespace

std::span<const Op> center_crop_pad_operators() { return kOperators; }

}  // namespace fovea::ops
