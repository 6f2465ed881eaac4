#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"
#include "ops/window.hpp"

namespace fovea::ops {
namespace {

/// The sliding window over the image whose blocks the input holds.
SlidingWindow window_of(const NodeView& node, const Shape& image, const Shape& block) {
    for (const std::int64_t size : image)
        node.require(size > 0, "input \"image_shape\": expected positive sizes, found " + base::to_string(image));
    return sliding_window(node, block, image);
}

std::int64_t block_count(const NodeView& node, const SlidingWindow& window, const Shape& image) {
    std::int64_t count = 1;
    for (std::size_t i = 0; i < image.size(); ++i)
        count = base::checked_mul(count, sliding_output(node, window, i, image[i], false));
    return count;
}

void infer(InferContext& c) {
    const auto image = c.constant_integers(1), block = c.constant_integers(2);
    const bool known = expect_rank(c, 0, 3, 3);
    const auto sizes = small_content(c, 1);
    if (!sizes) return c.set_output(0, c.dtype(0), std::nullopt);
    ir::Dims y(2);
    if (known) y[0] = (*c.dims(0))[0];
    if (image && block) {
        const SlidingWindow window = window_of(c, *image, *block);
        const std::int64_t size = base::element_count(*block);
        if (known) {
            const ir::Dim& rows = (*c.dims(0))[1];
            expect_same(c, (*c.dims(0))[2], block_count(c, window, *image), "blocks of the input and the image");
            if (rows.known()) {
                c.require(rows.value % size == 0, "expected a multiple of " + std::to_string(size) +
                                                      " rows (one for each place of a block), found " +
                                                      std::to_string(rows.value));
                y[1] = rows.value / size;
            }
        }
    }
    y.insert(y.end(), sizes->begin(), sizes->end());
    c.set_output(0, c.dtype(0), std::move(y));
}

template <class Number>
void add_blocks(EvalContext& c) {
    const Shape image = c.input(1).to_int64(), block = c.input(2).to_int64(), x = c.input(0).shape();
    const SlidingWindow window = window_of(c, image, block);
    const Elements<Number> input(Window::whole(c.input(0)));
    Shape blocks;
    for (std::size_t i = 0; i < image.size(); ++i) blocks.push_back(sliding_output(c, window, i, image[i], false));
    Shape shape = {x[0], x[1] / base::element_count(block)};
    shape.insert(shape.end(), image.begin(), image.end());
    Tensor& y = c.make_output(0, c.input(0).dtype(), shape);
    Results<Number> output(y);
    for (std::int64_t i = 0; i < y.size(); ++i) output[static_cast<std::size_t>(i)] = Number{};
    Shape at(shape.size());
    std::size_t element = 0;
    for (at[0] = 0; at[0] < shape[0]; ++at[0])
        for (at[1] = 0; at[1] < shape[1]; ++at[1])
            for_each_index(Box::whole(block), [&](const Shape& tap) {
                for_each_index(Box::whole(blocks), [&](const Shape& number) {
                    for (std::size_t i = 0; i < image.size(); ++i)
                        at[i + 2] = number[i] * window.strides[i] - window.pads_begin[i] + tap[i] * window.dilations[i];
                    if (inside(at, shape)) output[offset_in(Box::whole(shape), at)] += input[element];
                    ++element;
                });
            });
    output.store();
}

void evaluate(EvalContext& c) {
    visit_sum(c.input(0).dtype(), [&]<class Number>() { add_blocks<Number>(c); });
}

std::int64_t flops(const ShapeContext& c) { return base::element_count(c.inputs[0]); }

const Op kOperators[] = {{
    .name = "Col2Im",
    .inputs = {3, 3},
    .attributes = {{"dilations", AttributeKind::integers},
                   {"pads", AttributeKind::integers},
                   {"strides", AttributeKind::integers}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> col2im_operators() { return kOperators; }

}  // namespace fovea::ops
