#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

enum class Padding { zeros, border, reflection };

Padding padding_of(const NodeView& node) {
    const std::string padding = node.text("padding_mode", "zeros");
    if (padding == "zeros") return Padding::zeros;
    if (padding == "border") return Padding::border;
    node.require(padding == "reflection",
                 "attribute \"padding_mode\": expected zeros, border or reflection, found " + padding);
    return Padding::reflection;
}

void infer(InferContext& c) {
    expect_real(c, 1);
    const std::string mode = c.text("mode", "linear");
    c.require(mode == "linear" || mode == "nearest" || mode == "cubic",
              "attribute \"mode\": expected linear, nearest or cubic, found " + mode);
    padding_of(c);
    const auto &x = c.dims(0), &grid = c.dims(1);
    if (!x || !grid) return c.set_output(0, c.dtype(0), std::nullopt);
    c.require(x->size() >= 3 && grid->size() == x->size(),
              "expected an input and a grid of the same rank of at least 3, found " + ir::to_string(x) + " and " +
                  ir::to_string(grid));
    expect_same(c, grid->back(), static_cast<std::int64_t>(x->size()) - 2, "coordinates in the grid and spatial axes");
    ir::Dims y = {expect_same(c, (*x)[0], (*grid)[0], "batch of input and grid"), (*x)[1]};
    y.insert(y.end(), grid->begin() + 1, grid->end() - 1);
    c.set_output(0, c.dtype(0), std::move(y));
}

/// Any part of the input may be sampled; of the grid, the box's places are.
Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input == 0) {
        Box need = Box::whole(c.inputs[0]);
        for (std::size_t i = 0; i < 2; ++i) {
            need.start[i] = box.start[i];
            need.size[i] = box.size[i];
        }
        return need;
    }
    Box need = Box::whole(c.inputs[1]);
    for (std::size_t i = 0; i + 1 < box.start.size(); ++i) {
        need.start[i] = box.start[i == 0 ? 0 : i + 1];
        need.size[i] = box.size[i == 0 ? 0 : i + 1];
    }
    return need;
}

/// `x` reflected at `low` and `high` until it lies between them.
double reflect(double x, double low, double high) {
    const double range = high - low;
    if (range <= 0) return low;
    const double folded = std::fmod(std::fabs(x - low), 2 * range);
    return low + (folded > range ? 2 * range - folded : folded);
}

/// How one axis of the input is sampled.
struct Axis {
    std::int64_t size;
    bool align_corners;
    Padding padding;

    [[nodiscard]] double low() const { return align_corners ? 0 : -0.5; }
    [[nodiscard]] double high() const { return static_cast<double>(size) - (align_corners ? 1 : 0.5); }

    /// Input coordinate of the normalised one; far outside places stay outside, NaN counts as one.
    [[nodiscard]] double coordinate(double normalised) const {
        const auto length = static_cast<double>(size);
        double x = align_corners ? (normalised + 1) / 2 * (length - 1) : ((normalised + 1) * length - 1) / 2;
        if (!(std::fabs(x) < 1e9)) x = x > 0 && padding != Padding::zeros ? length - 1 : -1e9;
        return padding == Padding::reflection && (x < low() || x > high()) ? reflect(x, low(), high()) : x;
    }

    /// Place of a tap, which may lie beyond the input; -1 where it counts as zero.
    [[nodiscard]] std::int64_t place(std::int64_t tap) const {
        if (tap >= 0 && tap < size) return tap;
        if (padding == Padding::zeros || size == 0) return -1;
        if (padding == Padding::border) return tap < 0 ? 0 : size - 1;
        return std::min(size - 1, static_cast<std::int64_t>(reflect(static_cast<double>(tap), low(), high())));
    }
};

struct Tap {
    std::int64_t place;
    double weight;
};

/// Keys' kernel with a = -0.75.
double cubic(double x) {
    constexpr double a = -0.75;
    x = std::fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

std::vector<Tap> taps_of(const std::string& mode, const Axis& axis, double x) {
    std::vector<Tap> taps;
    const auto add = [&](double at, double weight) {
        const std::int64_t place = axis.place(static_cast<std::int64_t>(at));
        if (place >= 0 && weight != 0) taps.push_back({place, weight});
    };
    const double floor = std::floor(x);
    if (mode == "nearest") add(std::nearbyint(x), 1);
    for (int i = 0; mode == "linear" && i < 2; ++i) add(floor + i, 1 - std::fabs(x - floor - i));
    for (int i = -1; mode == "cubic" && i < 3; ++i) add(floor + i, cubic(x - floor - i));
    return taps;
}

void evaluate_box(BoxContext& c) {
    const Shape& x = c.inputs[0].full;
    const std::size_t rank = x.size() - 2;
    const std::string mode = c.text("mode", "linear");
    const bool align = c.integer("align_corners", 0) != 0;
    const Reals input(c.inputs[0]), grid(c.inputs[1]);
    Results<double> output(c.output);
    std::vector<std::vector<Tap>> taps(rank);
    Shape where(x.size()), counts(rank), at(x.size());
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        where[0] = at[0] = y[0];
        at[1] = y[1];
        std::copy(y.begin() + 2, y.end(), where.begin() + 1);
        for (std::size_t i = 0; i < rank; ++i) {
            const Axis axis{x[i + 2], align, padding_of(c)};
            where.back() = static_cast<std::int64_t>(rank - 1 - i);
            taps[i] = taps_of(mode, axis, axis.coordinate(grid[where]));
            counts[i] = static_cast<std::int64_t>(taps[i].size());
        }
        double sum = 0;
        for_each_index(Box::whole(counts), [&](const Shape& number) {
            double weight = 1;
            for (std::size_t i = 0; i < rank; ++i) {
                const Tap& tap = taps[i][static_cast<std::size_t>(number[i])];
                at[i + 2] = tap.place;
                weight *= tap.weight;
            }
            sum += weight * input[at];
        });
        output[element++] = sum;
    });
    output.store();
}

std::int64_t flops(const ShapeContext& c) {
    const std::string mode = c.text("mode", "linear");
    std::int64_t taps = 1;
    for (std::size_t i = 2; i < c.inputs[0].size(); ++i) taps *= mode == "nearest" ? 1 : mode == "linear" ? 2 : 4;
    return 2 * taps * base::element_count(c.outputs[0]);
}

void infer_affine(InferContext& c) {
    expect_real(c, 0);
    const auto size = small_content(c, 1);
    const bool known = expect_rank(c, 0, 3, 3);
    if (!size) return c.set_output(0, c.dtype(0), std::nullopt);
    c.require(size->size() == 4 || size->size() == 5,
              "input \"size\": expected 4 or 5 sizes, found " + std::to_string(size->size()));
    if (const auto numbers = c.constant_integers(1))
        for (const std::int64_t number : *numbers)
            c.require(number >= 0, "input \"size\": expected sizes from 0 on, found " + std::to_string(number));
    const auto rank = static_cast<std::int64_t>(size->size()) - 2;
    ir::Dims y = {(*size)[0]};
    if (known) {
        y[0] = expect_same(c, (*c.dims(0))[0], y[0], "batch of \"theta\" and \"size\"");
        expect_same(c, (*c.dims(0))[1], rank, "rows of \"theta\"");
        expect_same(c, (*c.dims(0))[2], rank + 1, "columns of \"theta\"");
    }
    y.insert(y.end(), size->begin() + 2, size->end());
    y.emplace_back(rank);
    c.set_output(0, c.dtype(0), std::move(y));
}

/// Position from -1 to 1 of place `i` of `size`.
double position(std::int64_t i, std::int64_t size, bool align_corners) {
    const auto at = static_cast<double>(i), length = static_cast<double>(size);
    if (align_corners) return size > 1 ? 2 * at / (length - 1) - 1 : 0;
    return (2 * at + 1) / length - 1;
}

void evaluate_affine(EvalContext& c) {
    const std::vector<std::int64_t> size = c.input(1).to_int64();
    const bool align = c.integer("align_corners", 0) != 0;
    const std::int64_t rank = static_cast<std::int64_t>(size.size()) - 2;
    const Reals theta(Window::whole(c.input(0)));
    Shape shape = {size[0]};
    shape.insert(shape.end(), size.begin() + 2, size.end());
    shape.push_back(rank);
    Tensor& y = c.make_output(0, c.input(0).dtype(), shape);
    Results<double> output(y);
    std::size_t element = 0;
    for_each_index(Box::whole(shape), [&](const Shape& at) {
        double sum = theta[Shape{at[0], at.back(), rank}];
        for (std::int64_t k = 0; k < rank; ++k) {
            const auto axis = static_cast<std::size_t>(rank - k);
            sum += theta[Shape{at[0], at.back(), k}] * position(at[axis], shape[axis], align);
        }
        output[element++] = sum;
    });
    output.store();
}

const Op kOperators[] = {
    {
        .name = "AffineGrid",
        .inputs = {2, 2},
        .attributes = {{"align_corners", AttributeKind::integer}},
        .infer = infer_affine,
        .evaluate = evaluate_affine,
    },
    {
        .name = "GridSample",
        .inputs = {2, 2},
        .attributes = {{"align_corners", AttributeKind::integer},
                       {"mode", AttributeKind::text},
                       {"padding_mode", AttributeKind::text}},
        .infer = infer,
        .evaluate_box = evaluate_box,
        .required_input = required_input,
        .flops = flops,
    },
};

}  // namespace

std::span<const Op> grid_sample_operators() { return kOperators; }

}  // namespace fovea::ops
