#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

enum Input : std::size_t { kSignal, kLength, kAxis };

/// The kinds of transform: of a complex or real signal to all frequencies and back, to the lower half, and from it.
struct Kind {
    bool inverse, onesided;
};

Kind kind_of(const NodeView& node) { return {node.integer("inverse", 0) != 0, node.integer("onesided", 0) != 0}; }

/// `axis` counted from the front; the last one holds real and imaginary part.
std::size_t checked_axis(const NodeView& node, std::int64_t axis, std::size_t rank) {
    const auto count = static_cast<std::int64_t>(rank), place = axis < 0 ? axis + count : axis;
    node.require(place >= 0 && place < count - 1, "input \"axis\": expected an axis before the last one of " +
                                                      std::to_string(count) + ", found " + std::to_string(axis));
    return static_cast<std::size_t>(place);
}

std::int64_t default_length(Kind kind, std::int64_t size) {
    return kind.inverse && kind.onesided ? 2 * (size - 1) : size;
}

/// Frequencies or samples that a transform of `length` gives.
std::int64_t results(Kind kind, std::int64_t length) {
    return kind.onesided && !kind.inverse ? length / 2 + 1 : length;
}

void infer(InferContext& c) {
    expect_real(c, kSignal);
    const Kind kind = kind_of(c);
    if (!c.dims(kSignal)) return c.set_output(0, c.dtype(kSignal), std::nullopt);
    ir::Dims y = *c.dims(kSignal);
    c.require(y.size() >= 2, "expected an input of rank 2 or more, found " + ir::to_string(y));
    if (const ir::Dim& parts = y.back(); parts.known()) {
        c.require(parts.value == 1 || parts.value == 2,
                  "expected 1 or 2 parts of a number in the last axis, found " + ir::to_string(y));
        c.require(
            !kind.onesided || parts.value == (kind.inverse ? 2 : 1),
            "attribute \"onesided\": expected a real signal or half a complex spectrum, found " + ir::to_string(y));
    }
    y.back() = kind.inverse && kind.onesided ? 1 : 2;
    const auto axis = c.has(kAxis) ? c.constant_integers(kAxis) : std::optional(std::vector<std::int64_t>{-2});
    const auto given = c.has(kLength) ? c.constant_integers(kLength) : std::nullopt;
    if (axis) {
        c.require(axis->size() == 1, "input \"axis\": expected one number");
        ir::Dim& size = y[checked_axis(c, axis->front(), y.size())];
        if (given)
            c.require(given->size() == 1 && given->front() > 0, "input \"dft_length\": expected one positive number");
        if (c.has(kLength))
            size = given ? ir::Dim(results(kind, given->front())) : ir::Dim();
        else if (size.known())
            size = results(kind, default_length(kind, size.value));
        else if (kind.onesided)
            size = ir::Dim();
    } else {
        for (std::size_t i = 0; i + 1 < y.size(); ++i) y[i] = ir::Dim();
    }
    c.set_output(0, c.dtype(kSignal), std::move(y));
}

/// Number `i` of a signal of `length`; zeros follow what is given, and half a spectrum is continued by its mirror
/// image.
std::complex<double> element(const Reals& signal, const Shape& shape, Shape at, std::size_t axis, std::int64_t i,
                             std::int64_t length, bool half) {
    const bool mirrored = half && i > length / 2;
    at[axis] = mirrored ? length - i : i;
    if (at[axis] >= shape[axis]) return 0;
    at.back() = 0;
    const double real = signal[at];
    at.back() = 1;
    const double imaginary = shape.back() == 2 ? signal[at] : 0;
    return {real, mirrored ? -imaginary : imaginary};
}

void evaluate(EvalContext& c) {
    const Kind kind = kind_of(c);
    const Shape& x = c.input(kSignal).shape();
    const std::size_t axis = checked_axis(c, c.has(kAxis) ? c.input(kAxis).to_int64().at(0) : -2, x.size());
    const std::int64_t length = c.has(kLength) ? c.input(kLength).to_int64().at(0) : default_length(kind, x[axis]);
    c.require(length > 0, "input \"dft_length\": expected a positive number, found " + std::to_string(length));
    const Reals signal(Window::whole(c.input(kSignal)));
    Shape shape = x;
    shape[axis] = results(kind, length);
    shape.back() = kind.inverse && kind.onesided ? 1 : 2;
    Results<double> output(c.make_output(0, c.input(kSignal).dtype(), shape));
    std::size_t place = 0;
    for_each_index(Box::whole(shape), [&](const Shape& at) {
        std::complex<double> sum;
        for (std::int64_t i = 0; i < length; ++i) {
            const auto turns = static_cast<double>(i * at[axis] % length) / static_cast<double>(length);
            sum += element(signal, x, at, axis, i, length, kind.inverse && kind.onesided) *
                   std::polar(1.0, (kind.inverse ? 2 : -2) * std::numbers::pi * turns);
        }
        if (kind.inverse) sum /= static_cast<double>(length);
        output[place++] = at.back() == 0 ? sum.real() : sum.imag();
    });
    output.store();
}

/// A complex product and sum for every pair of a sample and a frequency.
std::int64_t flops(const ShapeContext& c) {
    const Shape &x = c.inputs[kSignal], &y = c.outputs[0];
    std::int64_t length = 1;
    for (std::size_t i = 0; i + 1 < x.size(); ++i) length = std::max({length, x[i], y[i]});
    return base::checked_mul(8 * length, base::element_count(y));
}

const Op kOperators[] = {{
    .name = "DFT",
    .inputs = {1, 3},
    .attributes = {{"inverse", AttributeKind::integer}, {"onesided", AttributeKind::integer}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> dft_operators() { return kOperators; }

}  // namespace fovea::ops
