#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    if (!c.dims(0) || !c.dims(1)) return c.set_output(0, c.dtype(0), std::nullopt);
    const ir::Dims &a = *c.dims(0), &b = *c.dims(1);
    c.require(!a.empty() && !b.empty(),
              "expected inputs of rank 1 or more, found " + ir::to_string(a) + " and " + ir::to_string(b));
    expect_same(c, a.back(), b.size() == 1 ? b[0] : b[b.size() - 2], "columns of input 0 and rows of input 1");
    const auto batch = [](const ir::Dims& x) { return x.size() < 2 ? ir::Dims() : ir::Dims(x.begin(), x.end() - 2); };
    ir::Dims y = broadcast_dims(c, batch(a), batch(b));
    if (a.size() > 1) y.push_back(a[a.size() - 2]);
    if (b.size() > 1) y.push_back(b.back());
    c.set_output(0, c.dtype(0), std::move(y));
}

/// Where the axes of A and B stand in the output: batch axes, then a row axis unless A is a vector, then a column axis
/// unless B is one.
struct Axes {
    std::size_t batch;
    bool rows, columns;
    Axes(const Shape& a, const Shape& b, std::size_t output_rank)
        : batch(output_rank - (a.size() > 1) - (b.size() > 1)), rows(a.size() > 1), columns(b.size() > 1) {}
};

/// The part of A or B (`x`) under `box`: all of the summed axis, one row or column axis as in the box.
Box operand_box(const Shape& x, const Box& box, const Axes& axes, bool left) {
    Box need = Box::whole(x);
    if (x.size() == 1) return need;
    const std::size_t batch = x.size() - 2, skipped = axes.batch - batch;
    for (std::size_t i = 0; i < batch; ++i) {
        if (x[i] == 1) continue;
        need.start[i] = box.start[skipped + i];
        need.size[i] = box.size[skipped + i];
    }
    const std::size_t from = left ? axes.batch : axes.batch + axes.rows, to = left ? batch : batch + 1;
    need.start[to] = box.start[from];
    need.size[to] = box.size[from];
    return need;
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    const Axes axes(c.inputs[0], c.inputs[1], box.start.size());
    return operand_box(c.inputs[static_cast<std::size_t>(input)], box, axes, input == 0);
}

template <class Number>
void multiply(BoxContext& c) {
    const Shape &sa = c.inputs[0].full, &sb = c.inputs[1].full;
    const Elements<Number> a(c.inputs[0]), b(c.inputs[1]);
    Results<Number> output(c.output);
    const Axes axes(sa, sb, c.box.start.size());
    const std::size_t row_step = b.stride(sb.size() == 1 ? 0 : sb.size() - 2);
    const auto depth = static_cast<std::size_t>(sa.back());
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        const Box one{y, Shape(y.size(), 1)};
        const std::size_t left = a.offset(operand_box(sa, one, axes, true).start);
        const std::size_t right = b.offset(operand_box(sb, one, axes, false).start);
        Number sum{};
        for (std::size_t k = 0; k < depth; ++k) sum += a[left + k] * b[right + k * row_step];
        output[element++] = sum;
    });
    output.store();
}

void evaluate_box(BoxContext& c) {
    visit_sum(c.output.dtype(), [&]<class Number>() { multiply<Number>(c); });
}

std::int64_t flops(const ShapeContext& c) {
    return 2 * base::checked_mul(base::element_count(c.outputs[0]), c.inputs[0].back());
}

void infer_gemm(InferContext& c) {
    const bool turn_a = c.integer("transA", 0) != 0, turn_b = c.integer("transB", 0) != 0;
    const bool has_a = expect_rank(c, 0, 2, 2), has_b = expect_rank(c, 1, 2, 2);
    const auto size = [&](std::size_t input, bool known, int axis) {
        return known ? (*c.dims(input))[static_cast<std::size_t>(axis)] : ir::Dim();
    };
    expect_same(c, size(0, has_a, turn_a ? 0 : 1), size(1, has_b, turn_b ? 1 : 0), "columns of A and rows of B");
    const ir::Dims y = {size(0, has_a, turn_a ? 1 : 0), size(1, has_b, turn_b ? 0 : 1)};
    if (expect_rank(c, 2, 0, 2)) {
        const ir::Dims& bias = *c.dims(2);
        for (std::size_t i = 0; i < bias.size(); ++i)
            if (bias[i].value != 1) expect_same(c, bias[i], y[2 - bias.size() + i], "C and the product");
    }
    c.set_output(0, c.dtype(0), y);
}

Box required_gemm_input(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    if (input > 1) return need;
    const std::size_t turned = c.integer(input == 0 ? "transA" : "transB", 0) != 0, from = input == 0 ? 0 : 1;
    const std::size_t to = from ^ turned;
    need.start[to] = box.start[from];
    need.size[to] = box.size[from];
    return need;
}

template <class Number>
Number scaled(Number value, float factor) {
    using Signed = std::conditional_t<std::is_integral_v<Number>, std::int64_t, double>;
    if (factor == 1) return value;
    return static_cast<Number>(static_cast<Signed>(static_cast<double>(static_cast<Signed>(value)) * factor));
}

template <class Number>
void gemm(BoxContext& c) {
    const std::size_t turn_a = c.integer("transA", 0) != 0, turn_b = c.integer("transB", 0) != 0;
    const float alpha = c.number("alpha", 1), beta = c.number("beta", 1);
    const Elements<Number> a(c.inputs[0]), b(c.inputs[1]);
    const std::optional<Elements<Number>> bias = c.has(2) ? std::optional<Elements<Number>>(c.inputs[2]) : std::nullopt;
    Results<Number> output(c.output);
    const std::int64_t depth = c.inputs[0].full[1 - turn_a];
    std::size_t element = 0;
    Shape at(2), bt(2);
    for_each_index(c.box, [&](const Shape& y) {
        at[turn_a] = y[0];
        bt[1 - turn_b] = y[1];
        Number sum{};
        for (std::int64_t k = 0; k < depth; ++k) {
            at[1 - turn_a] = bt[turn_b] = k;
            sum += a[at] * b[bt];
        }
        sum = scaled(sum, alpha);
        if (bias) sum += scaled((*bias)[broadcast_index(y, c.inputs[2].full)], beta);
        output[element++] = sum;
    });
    output.store();
}

void evaluate_gemm(BoxContext& c) {
    visit_sum(c.output.dtype(), [&]<class Number>() { gemm<Number>(c); });
}

std::int64_t gemm_flops(const ShapeContext& c) {
    return 2 * base::checked_mul(base::element_count(c.outputs[0]), c.inputs[0][c.integer("transA", 0) != 0 ? 0 : 1]);
}

const Op kOperators[] = {
    {
        .name = "Gemm",
        .inputs = {2, 3},
        .attributes = {{"alpha", AttributeKind::number},
                       {"beta", AttributeKind::number},
                       {"transA", AttributeKind::integer},
                       {"transB", AttributeKind::integer}},
        .infer = infer_gemm,
        .evaluate_box = evaluate_gemm,
        .required_input = required_gemm_input,
        .flops = gemm_flops,
    },
    {
        .name = "MatMul",
        .inputs = {2, 2},
        .infer = infer,
        .evaluate_box = evaluate_box,
        .required_input = required_input,
        .flops = flops,
    },
};

}  // namespace

std::span<const Op> matmul_operators() { return kOperators; }

}  // namespace fovea::ops
