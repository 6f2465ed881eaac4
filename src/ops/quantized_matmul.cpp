#include <cmath>

#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/infer.hpp"
#include "ops/quantized.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

/// Matrix products of quantised tensors: MatMul on numbers less their zero points. Scales and zero points are single
/// numbers, vectors (one per row of A, one per column of B), or tensors that broadcast to the operand.
namespace fovea::ops {
namespace {

/// Where a node's inputs stand.
struct Operands {
    std::size_t a, a_zero, b, b_zero;
};
constexpr Operands kMatMulInteger = {0, 2, 1, 3}, kQLinearMatMul = {0, 2, 3, 5};

ir::Node plain(const ir::Node& node) { return {.op = "MatMul", .name = node.name, .inputs = {0, 1}, .outputs = {2}}; }

/// Input `i`, when given, broadcasts to operand `of`, a vector along `from_back` axes before the last.
void expect_parameter(const InferContext& c, std::size_t i, std::size_t of, std::size_t from_back) {
    const auto shape = c.has(i) ? ir::known_shape(c.dims(i)) : std::nullopt;
    const auto operand = ir::known_shape(c.dims(of));
    if (!shape || !operand || base::element_count(*shape) == 1) return;
    bool fits = shape->size() <= operand->size() && operand->size() > from_back;
    if (fits && shape->size() == 1)
        fits = (*shape)[0] == (*operand)[operand->size() - 1 - from_back];
    else if (fits)
        fits = base::broadcast(*shape, *operand) == *operand;
    c.require(fits, "input " + std::to_string(i) + ": expected one number, one for each " +
                        (from_back ? "row" : "column") + ", or sizes that broadcast to " + base::to_string(*operand) +
                        ", found " + base::to_string(*shape));
}

std::optional<ir::Dims> infer_dims(const InferContext& c, const Operands& operands) {
    for (const std::size_t i : {operands.a, operands.b})
        c.require(
            c.dtype(i) == DType::undefined || element_bytes(c.dtype(i)) == 1,
            "input " + std::to_string(i) + ": expected an 8-bit type, found " + std::string(to_string(c.dtype(i))));
    expect_same_type(c, operands.a_zero, operands.a);
    expect_same_type(c, operands.b_zero, operands.b);
    expect_parameter(c, operands.a_zero, operands.a, 1);
    expect_parameter(c, operands.b_zero, operands.b, 0);
    return infer_node(plain(c.node()), {&c.input(operands.a), &c.input(operands.b)}, {.fold_elements = -1})
        .front()
        .dims;
}

void infer_integer(InferContext& c) { c.set_output(0, DType::i32, infer_dims(c, kMatMulInteger)); }

void infer_linear(InferContext& c) {
    const auto dims = infer_dims(c, kQLinearMatMul);
    expect_parameter(c, 1, 0, 1);
    expect_parameter(c, 4, 3, 0);
    c.set_output(0, c.dtype(7), dims);
    for (const std::size_t i : {6, 7}) {
        const auto shape = ir::known_shape(c.dims(i)), y = ir::known_shape(dims);
        if (shape && y && base::element_count(*shape) != 1)
            c.require(shape->size() <= y->size() && base::broadcast(*shape, *y) == *y,
                      "input " + std::to_string(i) + ": expected one number or sizes that broadcast to the output " +
                          base::to_string(*y) + ", found " + base::to_string(*shape));
    }
}

Box required(const ShapeContext& c, const Operands& operands, int input, const Box& box) {
    const auto index = static_cast<std::size_t>(input);
    if (index != operands.a && index != operands.b) return Box::whole(c.inputs[index]);
    const ir::Node node = plain(c.node());
    ShapeContext product(node);
    product.inputs = {c.inputs[operands.a], c.inputs[operands.b]};
    product.outputs = c.outputs;
    return find(node.op)->required_input(product, index == operands.a ? 0 : 1, box);
}

Box required_integer(const ShapeContext& c, int input, const Box& box) {
    return required(c, kMatMulInteger, input, box);
}
Box required_linear(const ShapeContext& c, int input, const Box& box) {
    return required(c, kQLinearMatMul, input, box);
}

/// A parameter of A (`row`) or B as a tensor that broadcasts to the operand and to the product.
Tensor parameter(const BoxContext& c, std::size_t i, bool row) {
    if (!c.has(i)) return {};
    const Tensor& tensor = c.inputs[i].data;
    if (tensor.size() == 1) return tensor.reshaped({});
    return row ? along_axis(tensor, 0, 2) : tensor;
}

Tensor multiply(const BoxContext& c, const Operands& operands, DType type) {
    const ir::Node node = plain(c.node());
    BoxContext product(node);
    product.inputs = {centred(c.inputs[operands.a], parameter(c, operands.a_zero, true), type),
                      centred(c.inputs[operands.b], parameter(c, operands.b_zero, false), type)};
    product.output_shape = c.output_shape;
    product.box = c.box;
    product.output = Tensor(type, c.box.size);
    find(node.op)->evaluate_box(product);
    return product.output;
}

void matmul_integer(BoxContext& c) { c.output = multiply(c, kMatMulInteger, DType::i32); }

void qlinear_matmul(BoxContext& c) {
    Tensor sums = multiply(c, kQLinearMatMul, DType::f64);
    const bool whole = base::is_integer(c.output.dtype());
    const auto wide = [&](std::size_t i, bool row) { return parameter(c, i, row).cast(DType::f64); };
    const Tensor a_scale = wide(1, true), b_scale = wide(4, false), y_scale = wide(6, true), y_zero = wide(7, true);
    const auto at = [](const Tensor& tensor, const Shape& index) {
        return tensor.as<double>()[offset_in(Box::whole(tensor.shape()), broadcast_index(index, tensor.shape()))];
    };
    const auto values = sums.as<double>();
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        const double scaled = values[element] * (at(a_scale, y) * at(b_scale, y) / at(y_scale, y));
        values[element++] = (whole ? std::nearbyint(scaled) : scaled) + at(y_zero, y);
    });
    c.output = to_quantized(sums, c.output.dtype(), true);
}

std::int64_t flops(const ShapeContext& c) {
    return 2 * base::element_count(c.outputs[0]) * (c.inputs[0].empty() ? 1 : c.inputs[0].back());
}

const Op kOperators[] = {
    {.name = "MatMulInteger",
     .inputs = {2, 4},
     .infer = infer_integer,
     .evaluate_box = matmul_integer,
     .required_input = required_integer,
     .flops = flops},
    {.name = "QLinearMatMul",
     .inputs = {8, 8},
     .infer = infer_linear,
     .evaluate_box = qlinear_matmul,
     .required_input = required_linear,
     .flops = flops},
};

}  // namespace

std::span<const Op> quantized_matmul_operators() { return kOperators; }

}  // namespace fovea::ops
