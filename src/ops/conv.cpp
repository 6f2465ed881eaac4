#include "base/checked.hpp"
#include "base/dispatch.hpp"
#include "ops/index.hpp"
#include "ops/registry.hpp"
#include "ops/window.hpp"

namespace fovea::ops {
namespace {

std::vector<std::int64_t> kernel_shape(const NodeView& node, const Shape& weights) {
    return node.integers("kernel_shape", std::vector<std::int64_t>(weights.begin() + 2, weights.end()));
}

void infer(InferContext& c) {
    const auto& x = c.dims(0);
    const auto& w = c.dims(1);
    const std::int64_t group = c.integer("group", 1);
    c.require(group > 0, "attribute \"group\": expected a positive number, found " + std::to_string(group));
    if (!x || !w) return c.set_output(0, c.dtype(0), std::nullopt);
    c.require(x->size() >= 3 && x->size() == w->size(),
              "expected an input and weights of the same rank of at least 3, found " + ir::to_string(x) + " and " +
                  ir::to_string(w));
    const ir::Dim &channels = (*x)[1], &per_group = (*w)[1], &filters = (*w)[0];
    if (channels.known() && per_group.known())
        c.require(base::checked_mul(per_group.value, group) == channels.value,
                  "the weights take " + std::to_string(per_group.value) + " × " + std::to_string(group) +
                      " (group) input channels, the input has " + std::to_string(channels.value));
    if (filters.known())
        c.require(filters.value % group == 0, "the number of filters must be a multiple of attribute \"group\"");
    ir::Dims y = {(*x)[0], filters};
    const auto weights = ir::known_shape(w);
    for (std::size_t i = 2; i < x->size(); ++i) y.emplace_back();
    if (weights) {
        const SlidingWindow window = sliding_window(c, kernel_shape(c, *weights), spatial_sizes(*x));
        for (std::size_t i = 2; i < x->size(); ++i) y[i] = sliding_dim(c, window, i - 2, (*x)[i], false);
    }
    c.set_output(0, c.dtype(0), std::move(y));
}

SlidingWindow window_of(const NodeView& node, const Shape& x, const Shape& w) {
    return sliding_window(node, kernel_shape(node, w), Shape(x.begin() + 2, x.end()));
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input != 0) return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const SlidingWindow window = window_of(c, c.inputs[0], c.inputs[1]);
    const std::int64_t group = c.integer("group", 1);
    const std::int64_t filters = c.inputs[1][0] / group, channels = c.inputs[1][1];
    Box need = box;
    const std::int64_t first = box.start[1] / filters, last = (box.start[1] + box.size[1] - 1) / filters;
    need.start[1] = first * channels;
    need.size[1] = (last - first + 1) * channels;
    for (std::size_t i = 2; i < box.start.size(); ++i)
        sliding_input(window, i - 2, c.inputs[0][i], need.start[i], need.size[i]);
    return need;
}

template <class T>
void convolve(BoxContext& c) {
    using Sum = std::conditional_t<base::is_floating<T>, double, std::int64_t>;
    const Window &x = c.inputs[0], &w = c.inputs[1];
    const SlidingWindow window = window_of(c, x.full, w.full);
    const auto input = x.data.as<T>(), weights = w.data.as<T>();
    const std::int64_t filters = w.full[0] / c.integer("group", 1), channels = w.full[1];
    const Shape taps(w.full.begin() + 2, w.full.end());
    const std::size_t rank = x.full.size();
    const std::vector<float> bias = c.has(2) ? c.inputs[2].data.to_float() : std::vector<float>();
    const auto output = c.output.as<T>();
    Shape at(rank);
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        Sum sum = bias.empty() ? Sum{} : static_cast<Sum>(bias[static_cast<std::size_t>(y[1])]);
        at[0] = y[0];
        for (std::int64_t channel = 0; channel < channels; ++channel) {
            at[1] = y[1] / filters * channels + channel;
            std::int64_t tap_number = (y[1] * channels + channel) * base::element_count(taps);
            for_each_index(Box::whole(taps), [&](const Shape& tap) {
                for (std::size_t i = 2; i < rank; ++i)
                    at[i] =
                        y[i] * window.strides[i - 2] - window.pads_begin[i - 2] + tap[i - 2] * window.dilations[i - 2];
                if (inside(at, x.full))
                    sum += static_cast<Sum>(static_cast<base::arithmetic_t<T>>(input[offset_in(x.box, at)])) *
                           static_cast<Sum>(
                               static_cast<base::arithmetic_t<T>>(weights[static_cast<std::size_t>(tap_number)]));
                ++tap_number;
            });
        }
        output[element++] = static_cast<T>(static_cast<base::arithmetic_t<T>>(sum));
    });
}

void evaluate_box(BoxContext& c) {
    base::visit(c.output.dtype(), [&]<class T>() { convolve<T>(c); });
}

std::int64_t flops(const ShapeContext& c) {
    const Shape& w = c.inputs[1];
    return 2 * base::checked_mul(base::element_count(c.outputs[0]), base::element_count(std::span(w).subspan(1)));
}

const Op kOperators[] = {{
    .name = "Conv",
    .inputs = {2, 3},
    .attributes = {{"auto_pad", AttributeKind::text},
                   {"dilations", AttributeKind::integers},
                   {"group", AttributeKind::integer},
                   {"kernel_shape", AttributeKind::integers},
                   {"pads", AttributeKind::integers},
                   {"strides", AttributeKind::integers}},
    .infer = infer,
    .evaluate_box = evaluate_box,
    .required_input = required_input,
    .flops = flops,
}};

}  // namespace

std::span<const Op> conv_operators() { return kOperators; }

}  // namespace fovea::ops
