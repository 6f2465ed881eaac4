#include <cmath>

#include "ops/expect.hpp"
#include "ops/moments.hpp"
#include "ops/region.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

bool training(const NodeView& node) { return node.integer("training_mode", 0) != 0; }

void infer(InferContext& c) {
    for (std::size_t i = 0; i < 5; ++i) expect_real(c, i);
    const auto& x = c.dims(0);
    ir::Dim channels;
    if (x) {
        c.require(!x->empty(), "expected an input of rank 1 or more, found a scalar");
        channels = x->size() == 1 ? ir::Dim(1) : (*x)[1];
    }
    for (std::size_t i = 1; i < 5; ++i) {
        expect_vector(c, i, channels);
        if (c.dims(i)) channels = expect_same(c, channels, (*c.dims(i))[0], "channels");
    }
    c.set_output(0, c.dtype(0), x);
    if (!training(c)) return;
    for (std::size_t i = 1; i < 3; ++i) c.set_output(i, c.dtype(i + 2), ir::Dims{channels});
}

/// One region a channel. A vector is one channel.
Shape channels_of(const Shape& x) {
    Shape period = x;
    if (x.size() > 1) period[1] = 1;
    return period;
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input > 0) return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    return training(c) ? region_cover(box, channels_of(c.inputs[0])) : box;
}

/// Fills `box` of the output; in training mode also the updated statistics, where they are asked for.
void normalize(const NodeView& node, const std::vector<Window>& inputs, const Box& box, Tensor& y,
               Results<double>* new_mean, Results<double>* new_variance) {
    const double epsilon = node.number("epsilon", 1e-5f), momentum = node.number("momentum", 0.9f);
    const Reals x(inputs[0]), scale(inputs[1]), bias(inputs[2]), mean(inputs[3]), variance(inputs[4]);
    Results<double> output(y);
    for_each_region(box, channels_of(inputs[0].full), [&](const Box& region, const Box& part) {
        const auto channel = static_cast<std::size_t>(region.start.size() > 1 ? region.start[1] : 0);
        const Moments m = training(node) ? moments(x, region) : Moments{mean[channel], variance[channel]};
        const double factor = scale[channel] / std::sqrt(m.variance + epsilon);
        for_each_index(
            part, [&](const Shape& at) { output[offset_in(box, at)] = (x[at] - m.mean) * factor + bias[channel]; });
        if (new_mean) (*new_mean)[channel] = mean[channel] * momentum + m.mean * (1 - momentum);
        if (new_variance) (*new_variance)[channel] = variance[channel] * momentum + m.variance * (1 - momentum);
    });
    output.store();
}

void evaluate_box(BoxContext& c) { normalize(c, c.inputs, c.box, c.output, nullptr, nullptr); }

void evaluate(EvalContext& c) {
    c.require(training(c), "only training mode has more than one output");
    std::vector<Window> inputs;
    for (std::size_t i = 0; i < 5; ++i) inputs.push_back(Window::whole(c.input(i)));
    Tensor y(c.input(0).dtype(), c.input(0).shape());
    Tensor mean(c.input(3).dtype(), c.input(3).shape()), variance(c.input(4).dtype(), c.input(4).shape());
    Results<double> new_mean(mean), new_variance(variance);
    normalize(c, inputs, Box::whole(y.shape()), y, &new_mean, &new_variance);
    new_mean.store();
    new_variance.store();
    c.set_output(0, y);
    c.set_output(1, mean);
    c.set_output(2, variance);
}

std::int64_t flops(const ShapeContext& c) { return 2 * base::element_count(c.outputs[0]); }

const Op kOperators[] = {{
    .name = "BatchNormalization",
    .inputs = {5, 5},
    .outputs = {1, 3},
    .attributes = {{"epsilon", AttributeKind::number},
                   {"momentum", AttributeKind::number},
                   {"training_mode", AttributeKind::integer}},
    .infer = infer,
    .evaluate = evaluate,
    .evaluate_box = evaluate_box,
    .required_input = required_input,
    .flops = flops,
}};

}  // namespace

std::span<const Op> batch_normalization_operators() { return kOperators; }

}  // namespace fovea::ops
