#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

struct Axes {
    std::size_t batch, time;
};

Axes axes_of(const NodeView& node) {
    const std::int64_t batch = node.integer("batch_axis", 1), time = node.integer("time_axis", 0);
    node.require((batch == 0 && time == 1) || (batch == 1 && time == 0),
                 "attributes \"batch_axis\" and \"time_axis\": expected 0 and 1 or 1 and 0, found " +
                     std::to_string(batch) + " and " + std::to_string(time));
    return {static_cast<std::size_t>(batch), static_cast<std::size_t>(time)};
}

void infer(InferContext& c) {
    const Axes axes = axes_of(c);
    if (expect_rank(c, 0, 2, base::limits::kMaxRank)) expect_vector(c, 1, (*c.dims(0))[axes.batch]);
    c.set_output(0, c.dtype(0), c.dims(0));
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input != 0) return Box::whole(c.inputs[1]);
    const std::size_t time = axes_of(c).time;
    Box need = box;
    need.start[time] = 0;
    need.size[time] = c.inputs[0][time];
    return need;
}

void evaluate_box(BoxContext& c) {
    const Axes axes = axes_of(c);
    const auto lengths = c.inputs[1].data.to_int64();
    for (const std::int64_t length : lengths)
        c.require(length >= 0 && length <= c.output_shape[axes.time],
                  "input 1: the length " + std::to_string(length) + " is outside of the time axis");
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        x = y;
        const std::int64_t length = lengths[static_cast<std::size_t>(y[axes.batch])];
        if (y[axes.time] < length) x[axes.time] = length - 1 - y[axes.time];
    });
}

const Op kOperators[] = {{.name = "ReverseSequence",
                          .inputs = {2, 2},
                          .attributes = {{"batch_axis", AttributeKind::integer}, {"time_axis", AttributeKind::integer}},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input}};

}  // namespace

std::span<const Op> reverse_sequence_operators() { return kOperators; }

}  // namespace fovea::ops
