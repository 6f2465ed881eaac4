#include <cmath>

#include "base/checked.hpp"
#include "base/dispatch.hpp"
#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

std::int64_t depth_of(const NodeView& node, const Tensor& depth) {
    node.require(depth.size() == 1, "input 1: expected one element, found the shape " + base::to_string(depth.shape()));
    const double size = depth.cast(DType::f64).as<double>()[0];
    node.require(size >= 0 && size <= static_cast<double>(base::limits::kMaxElements),
                 "input 1: expected a depth from 0 to 2^36, found " + std::to_string(size));
    return static_cast<std::int64_t>(size);
}

/// Place of the new axis in an output of `rank` axes.
std::size_t new_axis(const NodeView& node, std::size_t rank) {
    return static_cast<std::size_t>(expect_axis(node, "axis", -1, rank));
}

void infer(InferContext& c) {
    expect_vector(c, 2, ir::Dim(2));
    ir::Dim depth;
    if (const Tensor* constant = c.constant(1))
        depth = depth_of(c, *constant);
    else if (const auto content = small_content(c, 1); content && content->size() == 1)
        depth = (*content)[0];
    if (!c.dims(0)) return c.set_output(0, c.dtype(2), std::nullopt);
    ir::Dims y = *c.dims(0);
    y.insert(y.begin() + static_cast<std::ptrdiff_t>(new_axis(c, y.size() + 1)), depth);
    c.set_output(0, c.dtype(2), std::move(y));
}

void evaluate(EvalContext& c) {
    const Tensor places = c.input(0).cast(DType::i64);
    const Tensor& values = c.input(2);
    c.require(values.size() == 2, "input 2: expected an off and an on value");
    const std::int64_t depth = depth_of(c, c.input(1));
    Shape shape = places.shape();
    const std::size_t axis = new_axis(c, shape.size() + 1);
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), depth);
    const ElementCopy copy(values, c.make_output(0, values.dtype(), shape));
    const auto indices = places.as<std::int64_t>();
    const Box source = Box::whole(places.shape());
    std::size_t to = 0;
    for_each_index(Box::whole(shape), [&](const Shape& index) {
        Shape place = index;
        place.erase(place.begin() + static_cast<std::ptrdiff_t>(axis));
        const std::int64_t hot = indices[offset_in(source, place)];
        copy(to++, hot == index[axis] || hot == index[axis] - depth ? 1 : 0);
    });
}

const Op kOperators[] = {{.name = "OneHot",
                          .inputs = {3, 3},
                          .attributes = {{"axis", AttributeKind::integer}},
                          .infer = infer,
                          .evaluate = evaluate}};

}  // namespace

std::span<const Op> one_hot_operators() { return kOperators; }

}  // namespace fovea::ops
