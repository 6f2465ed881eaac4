#include <cmath>

#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/window.hpp"

namespace fovea::ops {
namespace {

enum Input : std::size_t { kImage, kWeights, kOffset, kBias, kMask };

Shape kernel_shape(const NodeView& node, const Shape& weights) {
    const Shape sizes(weights.begin() + 2, weights.end());
    const auto kernel = node.integers("kernel_shape", sizes);
    node.require(kernel == sizes, "attribute \"kernel_shape\": expected the sizes of the weights " +
                                      base::to_string(weights) + ", found " + base::to_string(kernel));
    return sizes;
}

/// Checks an operand with `planes` values for each tap of each offset group at each place of the output `y`.
void expect_field(const InferContext& c, std::size_t i, std::int64_t planes, const ir::Dims& y) {
    if (!expect_rank(c, i, y.size(), y.size())) return;
    const std::string name = "input " + std::to_string(i);
    expect_same(c, (*c.dims(i))[0], y[0], "batch of " + name);
    expect_same(c, (*c.dims(i))[1], planes, "channels of " + name);
    for (std::size_t k = 2; k < y.size(); ++k)
        expect_same(c, (*c.dims(i))[k], y[k], "spatial sizes of the output and " + name);
}

void infer(InferContext& c) {
    for (std::size_t i = 0; i < 5; ++i) expect_real(c, i);
    const std::int64_t group = expect_positive(c, "group", 1), offset_group = expect_positive(c, "offset_group", 1);
    const auto &x = c.dims(kImage), &w = c.dims(kWeights);
    if (!x || !w) return c.set_output(0, c.dtype(kImage), std::nullopt);
    c.require(x->size() >= 3 && x->size() == w->size(),
              "expected an input and weights of the same rank of at least 3, found " + ir::to_string(x) + " and " +
                  ir::to_string(w));
    if ((*w)[1].known())
        expect_same(c, (*x)[1], base::checked_mul((*w)[1].value, group), "channels of the input and the weights");
    if ((*x)[1].known())
        c.require(
            (*x)[1].value % offset_group == 0,
            "attribute \"offset_group\": expected a divisor of the channels, found " + std::to_string(offset_group));
    if ((*w)[0].known())
        c.require((*w)[0].value % group == 0, "the number of filters must be a multiple of attribute \"group\"");
    ir::Dims y(x->size());
    y[0] = (*x)[0];
    y[1] = (*w)[0];
    expect_vector(c, kBias, y[1]);
    if (const auto weights = ir::known_shape(w)) {
        const Shape kernel = kernel_shape(c, *weights);
        const SlidingWindow window = sliding_window(c, kernel, spatial_sizes(*x));
        for (std::size_t i = 2; i < y.size(); ++i) y[i] = sliding_dim(c, window, i - 2, (*x)[i], false);
        const std::int64_t taps = base::checked_mul(base::element_count(kernel), offset_group);
        expect_field(c, kOffset, base::checked_mul(taps, static_cast<std::int64_t>(kernel.size())), y);
        expect_field(c, kMask, taps, y);
    }
    c.set_output(0, c.dtype(kImage), std::move(y));
}

/// The image at fractional spatial coordinates, linear between places and zero outside. `at` holds batch and channel.
double sample(const Reals& image, const Shape& x, const std::vector<double>& where, Shape at) {
    double sum = 0;
    for_each_index(Box::whole(Shape(where.size(), 2)), [&](const Shape& corner) {
        double weight = 1;
        for (std::size_t i = 0; i < where.size(); ++i) {
            if (!(std::fabs(where[i]) < 1e9)) return;
            const double floor = std::floor(where[i]), fraction = where[i] - floor;
            weight *= corner[i] ? fraction : 1 - fraction;
            at[i + 2] = static_cast<std::int64_t>(floor) + corner[i];
        }
        if (weight != 0 && inside(at, x)) sum += weight * image[at];
    });
    return sum;
}

/// One output element.
double convolve(const EvalContext& c, const SlidingWindow& window, const Reals& image, const Reals& weights,
                const Reals& offset, const Reals* mask, const Shape& y) {
    const Shape &x = c.input(kImage).shape(), &w = c.input(kWeights).shape();
    const std::int64_t filters = w[0] / c.integer("group", 1), per_offset = x[1] / c.integer("offset_group", 1);
    const auto rank = static_cast<std::int64_t>(window.kernel.size());
    const std::int64_t taps = base::element_count(window.kernel);
    std::vector<double> where(window.kernel.size());
    Shape weight(w.size()), field = y, at(x.size());
    weight[0] = y[1];
    at[0] = y[0];
    double sum = 0;
    for (std::int64_t channel = 0; channel < w[1]; ++channel) {
        weight[1] = channel;
        at[1] = y[1] / filters * w[1] + channel;
        std::int64_t number = at[1] / per_offset * taps;
        for_each_index(Box::whole(window.kernel), [&](const Shape& tap) {
            for (std::size_t i = 0; i < tap.size(); ++i) {
                field[1] = number * rank + static_cast<std::int64_t>(i);
                weight[i + 2] = tap[i];
                where[i] = static_cast<double>(y[i + 2] * window.strides[i] - window.pads_begin[i] +
                                               tap[i] * window.dilations[i]) +
                           offset[field];
            }
            field[1] = number++;
            sum += weights[weight] * sample(image, x, where, at) * (mask ? (*mask)[field] : 1);
        });
    }
    return sum;
}

void evaluate(EvalContext& c) {
    const auto whole = [&](std::size_t i) {
        return c.has(i) ? std::optional<Reals>(Window::whole(c.input(i))) : std::nullopt;
    };
    const Shape &x = c.input(kImage).shape(), &w = c.input(kWeights).shape();
    const SlidingWindow window = sliding_window(c, kernel_shape(c, w), Shape(x.begin() + 2, x.end()));
    const Reals image = *whole(kImage), weights = *whole(kWeights), offset = *whole(kOffset);
    const auto bias = whole(kBias), mask = whole(kMask);
    Shape shape = {x[0], w[0]};
    for (std::size_t i = 2; i < x.size(); ++i) shape.push_back(sliding_output(c, window, i - 2, x[i], false));
    Tensor& y = c.make_output(0, c.input(kImage).dtype(), shape);
    Results<double> output(y);
    std::size_t element = 0;
    for_each_index(Box::whole(shape), [&](const Shape& at) {
        const double start = bias ? (*bias)[static_cast<std::size_t>(at[1])] : 0;
        output[element++] = start + convolve(c, window, image, weights, offset, mask ? &*mask : nullptr, at);
    });
    output.store();
}

/// Every tap costs a product and an interpolation between 2^rank places.
std::int64_t flops(const ShapeContext& c) {
    const Shape& w = c.inputs[kWeights];
    const std::int64_t taps =
        base::checked_mul(base::element_count(c.outputs[0]), base::element_count(std::span(w).subspan(1)));
    return base::checked_mul(taps, 2 + (std::int64_t{2} << (w.size() - 2)));
}

const Op kOperators[] = {{
    .name = "DeformConv",
    .inputs = {3, 5},
    .attributes = {{"dilations", AttributeKind::integers},
                   {"group", AttributeKind::integer},
                   {"kernel_shape", AttributeKind::integers},
                   {"offset_group", AttributeKind::integer},
                   {"pads", AttributeKind::integers},
                   {"strides", AttributeKind::integers}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> deform_conv_operators() { return kOperators; }

}  // namespace fovea::ops
