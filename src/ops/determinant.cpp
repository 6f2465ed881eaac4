#include <cmath>
#include <utility>

#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    expect_real(c, 0);
    c.set_output(0, c.dtype(0), std::nullopt);
    if (!c.dims(0)) return;
    const ir::Dims& x = *c.dims(0);
    c.require(x.size() >= 2, "expected square matrices, found shape " + ir::to_string(x));
    expect_same(c, x[x.size() - 2], x.back(), "rows and columns");
    c.set_output(0, c.dtype(0), ir::Dims(x.begin(), x.end() - 2));
}

/// Determinant of the n × n matrix, which is destroyed: Gaussian elimination with row pivots.
double determinant(std::vector<double>& matrix, std::size_t n) {
    const auto at = [&](std::size_t row, std::size_t column) -> double& { return matrix[row * n + column]; };
    double result = 1;
    for (std::size_t step = 0; step < n; ++step) {
        std::size_t pivot = step;
        for (std::size_t row = step + 1; row < n; ++row)
            if (std::fabs(at(row, step)) > std::fabs(at(pivot, step))) pivot = row;
        if (at(pivot, step) == 0) return 0;
        if (pivot != step) {
            for (std::size_t column = 0; column < n; ++column) std::swap(at(pivot, column), at(step, column));
            result = -result;
        }
        result *= at(step, step);
        for (std::size_t row = step + 1; row < n; ++row) {
            const double factor = at(row, step) / at(step, step);
            for (std::size_t column = step; column < n; ++column) at(row, column) -= factor * at(step, column);
        }
    }
    return result;
}

void evaluate(EvalContext& c) {
    const Tensor wide = c.input(0).cast(DType::f64);
    const Shape shape(wide.shape().begin(), wide.shape().end() - 2);
    const auto n = static_cast<std::size_t>(wide.shape().back());
    Tensor result(DType::f64, shape);
    auto matrix = wide.as<double>().begin();
    for (double& value : result.as<double>()) {
        std::vector<double> copy(matrix, matrix + static_cast<std::ptrdiff_t>(n * n));
        value = determinant(copy, n);
        matrix += static_cast<std::ptrdiff_t>(n * n);
    }
    c.set_output(0, result.cast(c.input(0).dtype()));
}

std::int64_t flops(const ShapeContext& c) { return base::element_count(c.inputs[0]) * c.inputs[0].back(); }

const Op kOperators[] = {{.name = "Det", .infer = infer, .evaluate = evaluate, .flops = flops}};

}  // namespace

std::span<const Op> determinant_operators() { return kOperators; }

}  // namespace fovea::ops
