#include <cmath>

#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/infer.hpp"
#include "ops/quantized.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

/// Convolution of quantised tensors: Conv on numbers less their zero points, so that padding is the zero point.
namespace fovea::ops {
namespace {

/// Where a node's inputs stand; -1 for one that the operator does not have.
struct Operands {
    int x, x_zero, weights, weights_zero;
};
constexpr Operands kConvInteger = {0, 2, 1, 3}, kQLinearConv = {0, 2, 3, 5};

/// A convolution with the node's attributes.
ir::Node plain(const ir::Node& node) {
    return {.op = "Conv", .name = node.name, .inputs = {0, 1}, .outputs = {2}, .attributes = node.attributes};
}

/// Input `i`, when given, holds one number, or (`filters` given) one for each filter.
void expect_numbers(const InferContext& c, std::size_t i, const ir::Dim* filters = nullptr) {
    const auto shape = c.has(i) ? ir::known_shape(c.dims(i)) : std::nullopt;
    if (!shape || (shape->size() <= 1 && base::element_count(*shape) == 1)) return;
    const bool fits = filters && shape->size() == 1 && (!filters->known() || filters->value == (*shape)[0]);
    c.require(fits, "input " + std::to_string(i) + ": expected one number" +
                        (filters ? " or one for each filter" : "") + ", found shape " + base::to_string(*shape));
}

/// Checks the operands and returns the sizes of the output.
std::optional<ir::Dims> infer_dims(const InferContext& c, const Operands& operands, std::size_t weights_scale) {
    const auto index = [](int input) { return static_cast<std::size_t>(input); };
    const std::size_t x = index(operands.x), w = index(operands.weights);
    for (const std::size_t i : {x, w})
        c.require(c.dtype(i) == DType::undefined || element_bytes(c.dtype(i)) == 1,
                  "input " + std::to_string(i) + ": expected i8 or u8, found " + std::string(to_string(c.dtype(i))));
    expect_same_type(c, index(operands.x_zero), x);
    expect_same_type(c, index(operands.weights_zero), w);
    const ir::Dim filters = c.dims(w) && !c.dims(w)->empty() ? c.dims(w)->front() : ir::Dim();
    expect_numbers(c, index(operands.x_zero));
    expect_numbers(c, index(operands.weights_zero), &filters);
    if (weights_scale != 0) expect_numbers(c, weights_scale, &filters);
    return infer_node(plain(c.node()), {&c.input(x), &c.input(w)}, {.fold_elements = -1}).front().dims;
}

void infer_integer(InferContext& c) { c.set_output(0, DType::i32, infer_dims(c, kConvInteger, 0)); }

void infer_linear(InferContext& c) {
    c.set_output(0, c.dtype(7), infer_dims(c, kQLinearConv, 4));
    for (const std::size_t i : {1, 6, 7}) expect_numbers(c, i);
    if (c.has(8) && c.dims(3) && !c.dims(3)->empty()) expect_vector(c, 8, c.dims(3)->front());
}

Box required(const ShapeContext& c, const Operands& operands, int input, const Box& box) {
    if (input != operands.x) return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const ir::Node node = plain(c.node());
    ShapeContext conv(node);
    conv.inputs = {c.inputs[static_cast<std::size_t>(operands.x)],
                   c.inputs[static_cast<std::size_t>(operands.weights)]};
    conv.outputs = c.outputs;
    return find(node.op)->required_input(conv, 0, box);
}

Box required_integer(const ShapeContext& c, int input, const Box& box) { return required(c, kConvInteger, input, box); }
Box required_linear(const ShapeContext& c, int input, const Box& box) { return required(c, kQLinearConv, input, box); }

/// Sum of products without bias, as `type`.
Tensor convolve(const BoxContext& c, const Operands& operands, DType type) {
    const auto window = [&](int i) {
        return static_cast<std::size_t>(i) < c.inputs.size() ? c.inputs[static_cast<std::size_t>(i)] : Window();
    };
    const Window x = window(operands.x), w = window(operands.weights);
    const ir::Node node = plain(c.node());
    BoxContext conv(node);
    conv.inputs = {centred(x, along_axis(window(operands.x_zero).data, 0, 1), type),
                   centred(w, along_axis(window(operands.weights_zero).data, 0, w.full.size()), type)};
    conv.output_shape = c.output_shape;
    conv.box = c.box;
    conv.output = Tensor(type, c.box.size);
    find(node.op)->evaluate_box(conv);
    return conv.output;
}

void conv_integer(BoxContext& c) { c.output = convolve(c, kConvInteger, DType::i32); }

void qlinear_conv(BoxContext& c) {
    Tensor sums = convolve(c, kQLinearConv, DType::f64);
    const auto number = [&](std::size_t i) { return c.inputs[i].data.cast(DType::f64).as<double>()[0]; };
    const double x_scale = number(1), y_scale = number(6), y_zero = number(7);
    const Tensor w_scale = c.inputs[4].data.cast(DType::f64),
                 bias = c.has(8) ? c.inputs[8].data.cast(DType::f64) : Tensor();
    const auto values = sums.as<double>();
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        const auto filter = static_cast<std::size_t>(y[1]);
        const double sum = values[element] + (bias ? bias.as<double>()[filter] : 0);
        const double scale = w_scale.as<double>()[w_scale.size() == 1 ? 0 : filter];
        values[element++] = std::nearbyint(sum * (x_scale * scale / y_scale)) + y_zero;
    });
    c.output = to_quantized(sums, c.output.dtype(), true);
}

std::int64_t flops(const ShapeContext& c, const Operands& operands) {
    const ir::Node node = plain(c.node());
    ShapeContext conv(node);
    conv.inputs = {c.inputs[static_cast<std::size_t>(operands.x)],
                   c.inputs[static_cast<std::size_t>(operands.weights)]};
    conv.outputs = c.outputs;
    return find(node.op)->flops(conv);
}

std::int64_t integer_flops(const ShapeContext& c) { return flops(c, kConvInteger); }
std::int64_t linear_flops(const ShapeContext& c) { return flops(c, kQLinearConv); }

const Op kOperators[] = {
    {.name = "ConvInteger",
     .inputs = {2, 4},
     .attributes = {{"auto_pad", AttributeKind::text},
                    {"dilations", AttributeKind::integers},
                    {"group", AttributeKind::integer},
                    {"kernel_shape", AttributeKind::integers},
                    {"pads", AttributeKind::integers},
                    {"strides", AttributeKind::integers}},
     .infer = infer_integer,
     .evaluate_box = conv_integer,
     .required_input = required_integer,
     .flops = integer_flops},
    {.name = "QLinearConv",
     .inputs = {8, 9},
     .attributes = {{"auto_pad", AttributeKind::text},
                    {"dilations", AttributeKind::integers},
                    {"group", AttributeKind::integer},
                    {"kernel_shape", AttributeKind::integers},
                    {"pads", AttributeKind::integers},
                    {"strides", AttributeKind::integers}},
     .infer = infer_linear,
     .evaluate_box = qlinear_conv,
     .required_input = required_linear,
     .flops = linear_flops},
};

}  // namespace

std::span<const Op> quantized_conv_operators() { return kOperators; }

}  // namespace fovea::ops
