#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/window.hpp"

namespace fovea::ops {
namespace {

/// Geometry along the spatial axes: input place i meets output place i · stride + tap · dilation − begin.
struct Spread {
    SlidingWindow window;
    std::vector<std::int64_t> begin;
    std::vector<ir::Dim> output;
};

std::vector<std::int64_t> small_list(const NodeView& node, const char* key, std::size_t rank) {
    auto values = node.integers(key, std::vector<std::int64_t>(rank, 0));
    node.require(values.size() == rank, "attribute \"" + std::string(key) + "\": expected " + std::to_string(rank) +
                                            " numbers, found " + std::to_string(values.size()));
    for (const std::int64_t value : values)
        node.require(
            value >= 0 && value < (1LL << 31),
            "attribute \"" + std::string(key) + "\": expected numbers from 0 on, found " + std::to_string(value));
    return values;
}

/// `x` and `w` are whole shapes; of `x`, the spatial sizes may be unknown.
Spread spread_of(const NodeView& node, const ir::Dims& x, const Shape& w) {
    const std::size_t rank = x.size() - 2;
    const auto kernel = node.integers("kernel_shape", Shape(w.begin() + 2, w.end()));
    node.require(kernel == Shape(w.begin() + 2, w.end()),
                 "attribute \"kernel_shape\": expected the sizes of the weights " + base::to_string(w) + ", found " +
                     base::to_string(kernel));
    Spread spread{sliding_window(node, kernel, spatial_sizes(x)), {}, {}};
    const SlidingWindow& window = spread.window;
    const auto extra = small_list(node, "output_padding", rank);
    const std::string mode = node.text("auto_pad", "NOTSET");
    const bool same = mode.starts_with("SAME"), given = !node.integers("output_shape").empty();
    const auto wanted = small_list(node, "output_shape", given ? rank : 0);
    for (std::size_t i = 0; i < rank; ++i) {
        const ir::Dim& input = x[i + 2];
        // The output is input · stride + constant before padding is cut off.
        const std::int64_t constant = extra[i] + window.extent(i) - window.strides[i];
        ir::Dim output;
        std::int64_t begin = window.pads_begin[i];
        if (given || same) {
            if (given)
                output = wanted[i];
            else if (input.known())
                output = base::checked_mul(input.value, window.strides[i]);
            else if (window.strides[i] == 1)
                output = input;
            if (input.known()) {
                const std::int64_t natural =
                    base::checked_add(base::checked_mul(input.value, window.strides[i]), constant);
                const std::int64_t total = std::max<std::int64_t>(0, natural - output.value);
                begin = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
            }
        } else {
            const std::int64_t cut = constant - window.pads_begin[i] - window.pads_end[i];
            if (input.known()) {
                const std::int64_t size = base::checked_add(base::checked_mul(input.value, window.strides[i]), cut);
                node.require(size >= 0,
                             "the padding cuts off more than the whole output along spatial axis " + std::to_string(i));
                output = size;
            } else if (window.strides[i] == 1 && cut == 0) {
                output = input;
            }
        }
        spread.begin.push_back(begin);
        spread.output.push_back(output);
    }
    return spread;
}

void infer(InferContext& c) {
    for (std::size_t i = 0; i < 3; ++i) expect_real(c, i);
    const std::int64_t group = expect_positive(c, "group", 1);
    const auto &x = c.dims(0), &w = c.dims(1);
    if (!x || !w) return c.set_output(0, c.dtype(0), std::nullopt);
    c.require(x->size() >= 3 && x->size() == w->size(),
              "expected an input and weights of the same rank of at least 3, found " + ir::to_string(x) + " and " +
                  ir::to_string(w));
    const ir::Dim channels = expect_same(c, (*x)[1], (*w)[0], "channels of the input and rows of the weights");
    if (channels.known())
        c.require(channels.value % group == 0, "attribute \"group\": expected a divisor of the " +
                                                   std::to_string(channels.value) + " channels, found " +
                                                   std::to_string(group));
    ir::Dims y(x->size());
    y[0] = (*x)[0];
    if ((*w)[1].known()) y[1] = base::checked_mul((*w)[1].value, group);
    expect_vector(c, 2, y[1]);
    if (const auto weights = ir::known_shape(w)) {
        const Spread spread = spread_of(c, *x, *weights);
        for (std::size_t i = 2; i < y.size(); ++i) y[i] = spread.output[i - 2];
    }
    c.set_output(0, c.dtype(0), std::move(y));
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input != 0) return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const Shape &x = c.inputs[0], &w = c.inputs[1];
    const Spread spread = spread_of(c, ir::to_dims(x), w);
    const std::int64_t channels = x[1] / c.integer("group", 1), filters = w[1];
    Box need = box;
    const std::int64_t first = box.start[1] / filters, last = (box.start[1] + box.size[1] - 1) / filters;
    need.start[1] = first * channels;
    need.size[1] = (last - first + 1) * channels;
    for (std::size_t i = 2; i < x.size(); ++i) {
        const SlidingWindow& window = spread.window;
        const std::int64_t stride = window.strides[i - 2];
        const std::int64_t low = box.start[i] + spread.begin[i - 2] - (window.extent(i - 2) - 1);
        const std::int64_t high = box.start[i] + box.size[i] - 1 + spread.begin[i - 2];
        const std::int64_t start = std::min(x[i], low <= 0 ? 0 : base::ceil_div(low, stride));
        need.start[i] = start;
        need.size[i] = std::max<std::int64_t>(0, std::min(x[i], high < 0 ? 0 : high / stride + 1) - start);
    }
    return need;
}

/// Whether output place `y` meets the input through `tap`; sets the spatial part of the input place `at`.
bool meets(const Spread& spread, const Shape& y, const Shape& tap, Shape& at) {
    for (std::size_t i = 0; i < tap.size(); ++i) {
        const std::int64_t distance = y[i + 2] + spread.begin[i] - tap[i] * spread.window.dilations[i];
        if (distance < 0 || distance % spread.window.strides[i] != 0) return false;
        at[i + 2] = distance / spread.window.strides[i];
    }
    return true;
}

void evaluate_box(BoxContext& c) {
    const Shape &x = c.inputs[0].full, &w = c.inputs[1].full;
    const Spread spread = spread_of(c, ir::to_dims(x), w);
    const Reals input(c.inputs[0]), weights(c.inputs[1]);
    const std::optional<Reals> bias = c.has(2) ? std::optional<Reals>(c.inputs[2]) : std::nullopt;
    Results<double> output(c.output);
    const std::int64_t channels = x[1] / c.integer("group", 1), filters = w[1];
    const Box taps = Box::whole(Shape(w.begin() + 2, w.end()));
    std::size_t element = 0;
    Shape at(x.size()), weight(w.size());
    for_each_index(c.box, [&](const Shape& y) {
        double sum = bias ? (*bias)[static_cast<std::size_t>(y[1])] : 0;
        at[0] = y[0];
        weight[1] = y[1] % filters;
        for_each_index(taps, [&](const Shape& tap) {
            if (!meets(spread, y, tap, at)) return;
            std::copy(tap.begin(), tap.end(), weight.begin() + 2);
            for (std::int64_t channel = 0; channel < channels; ++channel) {
                at[1] = weight[0] = y[1] / filters * channels + channel;
                if (inside(at, x)) sum += input[at] * weights[weight];
            }
        });
        output[element++] = sum;
    });
    output.store();
}

std::int64_t flops(const ShapeContext& c) {
    return 2 *
           base::checked_mul(base::element_count(c.inputs[0]), base::element_count(std::span(c.inputs[1]).subspan(1)));
}

const Op kOperators[] = {{
    .name = "ConvTranspose",
    .inputs = {2, 3},
    .attributes = {{"auto_pad", AttributeKind::text},
                   {"dilations", AttributeKind::integers},
                   {"group", AttributeKind::integer},
                   {"kernel_shape", AttributeKind::integers},
                   {"output_padding", AttributeKind::integers},
                   {"output_shape", AttributeKind::integers},
                   {"pads", AttributeKind::integers},
                   {"strides", AttributeKind::integers}},
    .infer = infer,
    .evaluate_box = evaluate_box,
    .required_input = required_input,
    .flops = flops,
}};

}  // namespace

std::span<const Op> conv_transpose_operators() { return kOperators; }

}  // namespace fovea::ops
