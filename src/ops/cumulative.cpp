#include "ops/index.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

namespace fovea::ops {
namespace {

std::size_t axis_of(const NodeView& node, const Tensor& axis, std::size_t rank) {
    const auto given = axis.to_int64();
    const auto count = static_cast<std::int64_t>(rank ? rank : 1);
    node.require(given.size() == 1 && given[0] >= -count && given[0] < count,
                 "input \"axis\": expected one axis of a tensor of rank " + std::to_string(rank));
    return static_cast<std::size_t>(given[0] < 0 ? given[0] + count : given[0]);
}

void infer(InferContext& c) {
    expect_types(c, 0, Types::number);
    if (c.constant(1) && c.dims(0)) axis_of(c, *c.constant(1), c.dims(0)->size());
    c.set_output(0, c.dtype(0), c.dims(0));
}

/// Sets each element to `join` of all elements up to it along the axis, starting from `empty`.
template <class Join>
void accumulate(EvalContext& c, int empty, const Join& join) {
    const Tensor& x = c.input(0);
    const bool exclusive = c.integer("exclusive", 0) != 0, reverse = c.integer("reverse", 0) != 0;
    const std::size_t axis = axis_of(c, c.input(1), x.shape().size());
    const std::int64_t length = x.shape().empty() ? 1 : x.shape()[axis];
    const std::int64_t step = x.shape().empty() ? 1 : base::row_major_strides(x.shape())[axis];
    Box lines = Box::whole(x.shape());
    if (!x.shape().empty()) lines.size[axis] = 1;
    visit_wide(x.dtype(), [&]<class Number>() {
        const Tensor wide = x.cast(dtype_of<Number>());
        Tensor y(dtype_of<Number>(), x.shape());
        for_each_index(lines, [&](const Shape& start) {
            const auto first = static_cast<std::int64_t>(offset_in(Box::whole(x.shape()), start));
            auto total = static_cast<Number>(empty);
            for (std::int64_t i = 0; i < length; ++i) {
                const auto at = static_cast<std::size_t>(first + step * (reverse ? length - 1 - i : i));
                const Number joined = wrapping(total, wide.as<Number>()[at], join);
                y.as<Number>()[at] = exclusive ? total : joined;
                total = joined;
            }
        });
        c.set_output(0, y.cast(x.dtype()));
    });
}

void sum(EvalContext& c) { accumulate(c, 0, std::plus<>()); }
void product(EvalContext& c) { accumulate(c, 1, std::multiplies<>()); }

const Op kOperators[] = {
    {.name = "CumProd",
     .inputs = {2, 2},
     .attributes = {{"exclusive", AttributeKind::integer}, {"reverse", AttributeKind::integer}},
     .infer = infer,
     .evaluate = product},
    {.name = "CumSum",
     .inputs = {2, 2},
     .attributes = {{"exclusive", AttributeKind::integer}, {"reverse", AttributeKind::integer}},
     .infer = infer,
     .evaluate = sum},
};

}  // namespace

std::span<const Op> cumulative_operators() { return kOperators; }

}  // namespace fovea::ops
