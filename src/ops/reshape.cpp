#include "base/checked.hpp"
#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

void check_requested(const NodeView& node, const std::vector<std::int64_t>& shape, bool zero_is_size) {
    bool derived = false, empty = false;
    for (const std::int64_t size : shape) {
        node.require(size >= -1, "input 1: expected sizes from -1 on, found " + base::to_string(shape));
        node.require(size != -1 || !derived, "input 1: expected at most one -1, found " + base::to_string(shape));
        derived = derived || size == -1;
        empty = empty || (size == 0 && zero_is_size);
    }
    node.require(!(derived && empty), "input 1: -1 and 0 contradict each other where attribute \"allowzero\" is set");
}

/// Sizes of the output, given those of the input (when the rank is known) and the requested ones.
ir::Dims reshaped_dims(const NodeView& node, const std::optional<ir::Dims>& x, const ir::Dims& requested) {
    const bool zero_is_size = node.integer("allowzero", 0) != 0;
    ir::Dims y = requested, others;
    std::size_t open = y.size(), open_count = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        if (y[i].value == 0 && !zero_is_size) {
            node.require(!x || i < x->size(), "input 1: the size 0 at place " + std::to_string(i) +
                                                  " copies from an input of the shape " + ir::to_string(x));
            y[i] = x ? (*x)[i] : ir::Dim();
            others.push_back(y[i]);
        } else if (y[i].known() || !y[i].symbol.empty()) {
            others.push_back(y[i]);
        } else {
            y[i] = ir::Dim();
            open = i;
            ++open_count;
        }
    }
    if (x && open_count == 1) y[open] = quotient(node, *x, std::move(others));
    const std::int64_t before = known_count(x), after = known_count(y);
    node.require(before < 0 || after < 0 || before == after, "cannot give " + ir::to_string(x) + " the shape " +
                                                                 ir::to_string(y) + ": the numbers of elements differ");
    return y;
}

void infer_reshape(InferContext& c) {
    expect_rank(c, 1, 1, 1);
    if (c.has(1) && known_count(c.dims(1)) > base::limits::kMaxRank)
        c.fail("expected a shape of at most " + std::to_string(base::limits::kMaxRank) + " sizes, found " +
               std::to_string(known_count(c.dims(1))));
    if (const auto requested = c.constant_integers(1)) check_requested(c, *requested, c.integer("allowzero", 0) != 0);
    const auto requested = small_content(c, 1);
    if (!requested) return c.set_output(0, c.dtype(0), std::nullopt);
    c.set_output(0, c.dtype(0), reshaped_dims(c, c.dims(0), *requested));
    keep_content(c, small_content(c, 0));
}

void evaluate_reshape(EvalContext& c) {
    const Tensor& x = c.input(0);
    const auto requested = c.input(1).to_int64();
    check_requested(c, requested, c.integer("allowzero", 0) != 0);
    const auto shape = ir::known_shape(reshaped_dims(c, ir::to_dims(x.shape()), ir::to_dims(requested)));
    c.require(shape.has_value(),
              "the shape " + base::to_string(requested) + " does not fit " + base::to_string(x.shape()));
    c.set_output(0, x.reshaped(*shape));
}

std::int64_t flatten_axis(const NodeView& node, std::size_t rank) {
    const auto count = static_cast<std::int64_t>(rank);
    const std::int64_t axis = node.integer("axis", 1);
    node.require(axis >= -count && axis <= count, "attribute \"axis\": expected a number from " +
                                                      std::to_string(-count) + " to " + std::to_string(count) +
                                                      ", found " + std::to_string(axis));
    return axis < 0 ? axis + count : axis;
}

void infer_flatten(InferContext& c) {
    const auto& x = c.dims(0);
    if (!x) return c.set_output(0, c.dtype(0), ir::Dims(2));
    const auto axis = static_cast<std::size_t>(flatten_axis(c, x->size()));
    c.set_output(0, c.dtype(0), ir::Dims{product(std::span(*x).first(axis)), product(std::span(*x).subspan(axis))});
    keep_content(c, small_content(c, 0));
}

void evaluate_flatten(EvalContext& c) {
    const Shape& x = c.input(0).shape();
    const auto axis = static_cast<std::size_t>(flatten_axis(c, x.size()));
    c.set_output(0, c.input(0).reshaped({base::element_count(std::span(x).first(axis)),
                                         base::element_count(std::span(x).subspan(axis))}));
}

const Op kOperators[] = {
    {.name = "Reshape",
     .inputs = {2, 2},
     .attributes = {{"allowzero", AttributeKind::integer}},
     .infer = infer_reshape,
     .evaluate = evaluate_reshape,
     .keeps_order = true},
    {.name = "Flatten",
     .attributes = {{"axis", AttributeKind::integer}},
     .infer = infer_flatten,
     .evaluate = evaluate_flatten,
     .keeps_order = true},
};

}  // namespace

std::span<const Op> reshape_operators() { return kOperators; }

}  // namespace fovea::ops
