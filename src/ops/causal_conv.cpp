#include <cmath>

#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    for (std::size_t i = 0; i < 4; ++i) expect_real(c, i);
    const std::string activation = c.text("activation", "none");
    c.require(activation == "none" || activation == "silu" || activation == "swish",
              "attribute \"activation\": expected none, silu or swish, found " + activation);
    ir::Dims x(3), w(3);
    if (expect_rank(c, 0, 3, 3)) x = *c.dims(0);
    if (expect_rank(c, 1, 3, 3)) w = *c.dims(1);
    x[1] = expect_same(c, x[1], w[0], "channels of the input and the weights");
    expect_same(c, w[1], 1, "channels a filter");
    expect_vector(c, 2, x[1]);
    if (w[2].known()) c.require(w[2].value > 0, "expected weights of at least one tap");
    const ir::Dims state = {x[0], x[1], w[2].known() ? ir::Dim(w[2].value - 1) : ir::Dim()};
    if (expect_rank(c, 3, 3, 3))
        for (std::size_t i = 0; i < 3; ++i) expect_same(c, (*c.dims(3))[i], state[i], "sizes of input 3");
    c.set_output(0, c.dtype(0), x);
    c.set_output(1, c.dtype(0), state);
}

void evaluate(EvalContext& c) {
    const Shape& x = c.input(0).shape();
    const std::int64_t taps = c.input(1).shape()[2], carried = taps - 1;
    const Reals input(Window::whole(c.input(0))), weights(Window::whole(c.input(1)));
    const auto optional = [&](std::size_t i) {
        return c.has(i) ? std::optional<Reals>(Window::whole(c.input(i))) : std::nullopt;
    };
    const auto bias = optional(2), past = optional(3);
    const bool silu = c.text("activation", "none") != "none";
    // Element `place` of the past state followed by the input.
    const auto sequence = [&](std::int64_t batch, std::int64_t channel, std::int64_t place) {
        if (place >= carried) return input[Shape{batch, channel, place - carried}];
        return past ? (*past)[Shape{batch, channel, place}] : 0;
    };
    Results<double> output(c.make_output(0, c.input(0).dtype(), x));
    std::size_t element = 0;
    for_each_index(Box::whole(x), [&](const Shape& at) {
        double sum = bias ? (*bias)[static_cast<std::size_t>(at[1])] : 0;
        for (std::int64_t tap = 0; tap < taps; ++tap)
            sum += sequence(at[0], at[1], at[2] + tap) * weights[Shape{at[1], 0, tap}];
        output[element++] = silu ? sum / (1 + std::exp(-sum)) : sum;
    });
    output.store();
    Results<double> present(c.make_output(1, c.input(0).dtype(), {x[0], x[1], carried}));
    element = 0;
    for_each_index(Box::whole({x[0], x[1], carried}),
                   [&](const Shape& at) { present[element++] = sequence(at[0], at[1], x[2] + at[2]); });
    present.store();
}

std::int64_t flops(const ShapeContext& c) {
    return 2 * base::checked_mul(base::element_count(c.outputs[0]), c.inputs[1][2]);
}

const Op kOperators[] = {{
    .name = "CausalConvWithState",
    .inputs = {2, 4},
    .outputs = {1, 2},
    .attributes = {{"activation", AttributeKind::text}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> causal_conv_operators() { return kOperators; }

}  // namespace fovea::ops
