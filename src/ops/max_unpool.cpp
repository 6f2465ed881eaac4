#include "base/checked.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"
#include "ops/window.hpp"

namespace fovea::ops {
namespace {

/// Size of the pooled tensor's origin along a spatial axis, by the pooling attributes.
std::int64_t unpooled(const NodeView& node, const SlidingWindow& window, std::size_t axis, std::int64_t input) {
    const std::int64_t size = base::checked_add(base::checked_mul(input - 1, window.strides[axis]),
                                                window.kernel[axis] - window.pads_begin[axis] - window.pads_end[axis]);
    node.require(size >= 0, "the padding is larger than the output along spatial axis " + std::to_string(axis));
    return size;
}

SlidingWindow window_of(const NodeView& node, const std::vector<std::int64_t>& spatial) {
    return sliding_window(node, node.integers("kernel_shape"), spatial);
}

void infer(InferContext& c) {
    expect_real(c, 0);
    const auto& x = c.dims(0);
    if (x) {
        c.require(x->size() >= 3, "expected an input of rank 3 or more, found " + ir::to_string(x));
        if (expect_rank(c, 1, x->size(), x->size()))
            for (std::size_t i = 0; i < x->size(); ++i)
                expect_same(c, (*x)[i], (*c.dims(1))[i], "sizes of values and indices");
    }
    if (c.has(2)) {
        if (const auto numbers = c.constant_integers(2))
            for (const std::int64_t number : *numbers)
                c.require(number >= 0,
                          "input \"output_shape\": expected sizes from 0 on, found " + std::to_string(number));
        if (x) expect_vector(c, 2, static_cast<std::int64_t>(x->size()));
        return c.set_output(0, c.dtype(0), small_content(c, 2));
    }
    if (!x) return c.set_output(0, c.dtype(0), std::nullopt);
    const SlidingWindow window = window_of(c, spatial_sizes(*x));
    ir::Dims y = *x;
    for (std::size_t i = 2; i < y.size(); ++i)
        y[i] = y[i].known() ? ir::Dim(unpooled(c, window, i - 2, y[i].value)) : ir::Dim();
    c.set_output(0, c.dtype(0), std::move(y));
}

void evaluate(EvalContext& c) {
    Shape shape = c.input(0).shape();
    const SlidingWindow window = window_of(c, Shape(shape.begin() + 2, shape.end()));
    for (std::size_t i = 2; i < shape.size(); ++i) shape[i] = unpooled(c, window, i - 2, shape[i]);
    // The indices count in the tensor that was pooled; a larger output holds it at its start.
    const Box origin = Box::whole(shape);
    const Shape strides = base::row_major_strides(shape);
    if (c.has(2)) shape = c.input(2).to_int64();
    Tensor y = Tensor::zeros(c.input(0).dtype(), shape);
    const ElementCopy copy(c.input(0), y);
    const std::vector<std::int64_t> indices = c.input(1).to_int64();
    for (std::size_t element = 0; element < indices.size(); ++element) {
        const std::int64_t index = indices[element];
        c.require(index >= 0 && index < base::element_count(origin.size),
                  "input \"I\": expected indices below " + std::to_string(base::element_count(origin.size)) +
                      ", found " + std::to_string(index));
        Shape at(shape.size());
        for (std::size_t i = 0; i < at.size(); ++i) at[i] = index / strides[i] % origin.size[i];
        c.require(inside(at, shape), "input \"output_shape\": index " + std::to_string(index) + " lies outside");
        copy(offset_in(Box::whole(shape), at), element);
    }
    c.set_output(0, y);
}

const Op kOperators[] = {{
    .name = "MaxUnpool",
    .inputs = {2, 3},
    .attributes = {{"kernel_shape", AttributeKind::integers, true},
                   {"pads", AttributeKind::integers},
                   {"strides", AttributeKind::integers}},
    .infer = infer,
    .evaluate = evaluate,
}};

}  // namespace

std::span<const Op> max_unpool_operators() { return kOperators; }

}  // namespace fovea::ops
