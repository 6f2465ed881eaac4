#include <cmath>

#include "ops/expect.hpp"
#include "ops/moments.hpp"
#include "ops/onnx_type.hpp"
#include "ops/region.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

/// Calls `store(place, (x - mean) / deviation)` for every place of `box`; the mean counts as 0 unless `centred`. Calls
/// `region_done(mean, 1 / deviation)` once a region.
template <class Store, class RegionDone>
void standardize(const Window& window, const Box& box, const Shape& period, double epsilon, bool centred,
                 const Store& store, const RegionDone& region_done) {
    const Reals x(window);
    for_each_region(box, period, [&](const Box& region, const Box& part) {
        Moments m = moments(x, region);
        if (!centred) m = {0, m.variance + m.mean * m.mean};
        const double inverse = 1 / std::sqrt(m.variance + epsilon);
        for_each_index(part, [&](const Shape& at) { store(at, (x[at] - m.mean) * inverse); });
        region_done(m.mean, inverse);
    });
}

// Layer and RMS normalization: regions are all axes from "axis" on.

DType stash_type(const NodeView& node) {
    const std::int64_t number = node.integer("stash_type", 1);
    const DType type = dtype_from_onnx(number);
    node.require(
        type == DType::f32 || type == DType::f16 || type == DType::f64 || type == DType::bf16,
        "attribute \"stash_type\": expected 1 (f32), 10 (f16), 11 (f64) or 16 (bf16), found " + std::to_string(number));
    return type;
}

void expect_operand(const InferContext& c, std::size_t i, const ir::Dims& x) {
    if (!expect_rank(c, i, 0, x.size())) return;
    const ir::Dims& operand = *c.dims(i);
    for (std::size_t k = 0; k < operand.size(); ++k)
        if (operand[k].value != 1)
            expect_same(c, operand[k], x[x.size() - operand.size() + k],
                        "input " + std::to_string(i) + " and the input it scales");
}

/// The shared part of inference; sets output 0.
void infer_layer(InferContext& c) {
    for (std::size_t i = 0; i < 3; ++i) expect_real(c, i);
    stash_type(c);
    const auto& x = c.dims(0);
    if (x) {
        expect_axis(c, "axis", -1, x->size());
        for (std::size_t i = 1; i < 3; ++i) expect_operand(c, i, *x);
    }
    c.set_output(0, c.dtype(c.node().op == "RMSNormalization" ? 1 : 0), x);
}

void infer_layer_outputs(InferContext& c) {
    infer_layer(c);
    auto statistics = c.dims(0);
    if (statistics)
        for (auto i = static_cast<std::size_t>(expect_axis(c, "axis", -1, statistics->size())); i < statistics->size();
             ++i)
            (*statistics)[i] = 1;
    for (std::size_t i = 1; i < 3; ++i) c.set_output(i, stash_type(c), statistics);
}

Shape layer_period(const NodeView& node, const Shape& x) {
    Shape period(x.size(), 1);
    for (auto i = static_cast<std::size_t>(expect_axis(node, "axis", -1, x.size())); i < x.size(); ++i)
        period[i] = x[i];
    return period;
}

Box required_layer_input(const ShapeContext& c, int input, const Box& box) {
    if (input > 0) return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    return region_cover(box, layer_period(c, c.inputs[0]));
}

/// Scale and bias of places that broadcast to the input.
template <class RegionDone>
void layer(const NodeView& node, const std::vector<Window>& inputs, const Box& box, bool centred, Tensor& y,
           const RegionDone& region_done) {
    const Shape& full = inputs[0].full;
    const Reals scale(inputs[1]);
    const bool has_bias = inputs.size() > 2 && inputs[2].data;
    const Reals bias(inputs[has_bias ? 2 : 1]);
    Results<double> output(y);
    standardize(
        inputs[0], box, layer_period(node, full), node.number("epsilon", 1e-5f), centred,
        [&](const Shape& at, double value) {
            value *= scale[broadcast_index(at, inputs[1].full)];
            if (has_bias) value += bias[broadcast_index(at, inputs[2].full)];
            output[offset_in(box, at)] = value;
        },
        region_done);
    output.store();
}

void rms_box(BoxContext& c) {
    layer(c, c.inputs, c.box, false, c.output, [](double, double) {});
}

void layer_box(BoxContext& c) {
    layer(c, c.inputs, c.box, true, c.output, [](double, double) {});
}

void evaluate_layer(EvalContext& c) {
    std::vector<Window> inputs;
    for (std::size_t i = 0; i < c.input_count(); ++i) inputs.push_back(c.has(i) ? Window::whole(c.input(i)) : Window{});
    const Shape& x = c.input(0).shape();
    Shape statistics = x;
    for (auto i = static_cast<std::size_t>(expect_axis(c, "axis", -1, x.size())); i < x.size(); ++i) statistics[i] = 1;
    Tensor y(c.input(0).dtype(), x), mean(stash_type(c), statistics), inverse(stash_type(c), statistics);
    Results<double> means(mean), inverses(inverse);
    std::size_t region = 0;
    layer(c, inputs, Box::whole(x), true, y, [&](double m, double inverse_deviation) {
        means[region] = m;
        inverses[region++] = inverse_deviation;
    });
    means.store();
    inverses.store();
    c.set_output(0, y);
    c.set_output(1, mean);
    c.set_output(2, inverse);
}

// Group and instance normalization: regions are channels of one group, and all spatial axes, of one batch entry.

void infer_group(InferContext& c) {
    for (std::size_t i = 0; i < 3; ++i) expect_real(c, i);
    const auto& x = c.dims(0);
    if (x) {
        c.require(x->size() >= 2, "expected an input of rank 2 or more, found " + ir::to_string(x));
        for (std::size_t i = 1; i < 3; ++i) expect_vector(c, i, (*x)[1]);
    }
    if (c.node().op == "GroupNormalization") {
        const std::int64_t groups = expect_positive(c, "num_groups", 1);
        if (x && (*x)[1].known())
            c.require((*x)[1].value % groups == 0, "attribute \"num_groups\": expected a divisor of the " +
                                                       std::to_string((*x)[1].value) + " channels, found " +
                                                       std::to_string(groups));
    }
    c.set_output(0, c.dtype(0), x);
}

Shape group_period(const NodeView& node, const Shape& x) {
    Shape period = x;
    period[0] = 1;
    period[1] = node.node().op == "GroupNormalization" ? x[1] / node.integer("num_groups", 1) : 1;
    return period;
}

Box required_group_input(const ShapeContext& c, int input, const Box& box) {
    if (input > 0) return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    return region_cover(box, group_period(c, c.inputs[0]));
}

void group_box(BoxContext& c) {
    const Reals scale(c.inputs[1]), bias(c.inputs[2]);
    Results<double> output(c.output);
    standardize(
        c.inputs[0], c.box, group_period(c, c.output_shape), c.number("epsilon", 1e-5f), true,
        [&](const Shape& at, double value) {
            const auto channel = static_cast<std::size_t>(at[1]);
            output[offset_in(c.box, at)] = value * scale[channel] + bias[channel];
        },
        [](double, double) {});
    output.store();
}

std::int64_t flops(const ShapeContext& c) { return 5 * base::element_count(c.outputs[0]); }

const Op kOperators[] = {
    {
        .name = "GroupNormalization",
        .inputs = {3, 3},
        .attributes = {{"epsilon", AttributeKind::number},
                       {"num_groups", AttributeKind::integer, true},
                       {"stash_type", AttributeKind::integer}},
        .infer = infer_group,
        .evaluate_box = group_box,
        .required_input = required_group_input,
        .flops = flops,
    },
    {
        .name = "InstanceNormalization",
        .inputs = {3, 3},
        .attributes = {{"epsilon", AttributeKind::number}},
        .infer = infer_group,
        .evaluate_box = group_box,
        .required_input = required_group_input,
        .flops = flops,
    },
    {
        .name = "LayerNormalization",
        .inputs = {2, 3},
        .outputs = {1, 3},
        .attributes = {{"axis", AttributeKind::integer},
                       {"epsilon", AttributeKind::number},
                       {"stash_type", AttributeKind::integer}},
        .infer = infer_layer_outputs,
        .evaluate = evaluate_layer,
        .evaluate_box = layer_box,
        .required_input = required_layer_input,
        .flops = flops,
    },
    {
        .name = "RMSNormalization",
        .inputs = {2, 2},
        .attributes = {{"axis", AttributeKind::integer},
                       {"epsilon", AttributeKind::number},
                       {"stash_type", AttributeKind::integer}},
        .infer = infer_layer,
        .evaluate_box = rms_box,
        .required_input = required_layer_input,
        .flops = flops,
    },
};

}  // namespace

std::span<const Op> normalization_operators() { return kOperators; }

}  // namespace fovea::ops
