#include <cmath>

#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

namespace fovea::ops {
namespace {

void infer_eye(InferContext& c) {
    expect_rank(c, 0, 2, 2);
    c.set_output(0, type_attribute(c, "dtype", c.dtype(0)), c.dims(0) ? c.dims(0) : ir::Dims(2));
}

/// The input gives its shape only.
Box eye_input(const ShapeContext&, int, const Box& box) { return {box.start, Shape(box.size.size(), 0)}; }

void eye(BoxContext& c) {
    const std::int64_t diagonal = c.integer("k", 0);
    Tensor result(DType::u8, c.box.size);
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& at) { result.as<std::uint8_t>()[element++] = at[1] - at[0] == diagonal; });
    c.output = result.cast(c.output.dtype());
}

/// Elements from start to limit (exclusive); 0 for a step of 0 would never end, so it throws.
std::int64_t range_length(const NodeView& node, const Tensor& start, const Tensor& limit, const Tensor& delta) {
    for (const Tensor* tensor : {&start, &limit, &delta})
        node.require(tensor->size() == 1, "expected single numbers, found shape " + base::to_string(tensor->shape()));
    const auto number = [](const Tensor& tensor) {
        return static_cast<long double>(tensor.cast(DType::f64).as<double>()[0]);
    };
    const auto whole = [](const Tensor& tensor) { return static_cast<long double>(tensor.to_int64()[0]); };
    const bool integers = base::is_integer(start.dtype());
    const long double first = integers ? whole(start) : number(start), last = integers ? whole(limit) : number(limit),
                      step = integers ? whole(delta) : number(delta);
    node.require(step != 0, "input \"delta\": expected a step other than 0");
    const long double length = std::ceil((last - first) / step);
    if (!(length > 0)) return 0;
    node.require(length <= static_cast<long double>(base::limits::kMaxElements),
                 "the range exceeds the limit of 2^36 elements");
    return static_cast<std::int64_t>(length);
}

void infer_range(InferContext& c) {
    expect_types(c, 0, Types::number);
    expect_same_type(c, 0, 1);
    expect_same_type(c, 0, 2);
    ir::Dim length;
    if (c.constant(0) && c.constant(1) && c.constant(2)) {
        length = range_length(c, *c.constant(0), *c.constant(1), *c.constant(2));
    } else if (base::is_integer(c.dtype(0))) {
        const auto is = [&](std::size_t i, std::int64_t value) {
            return c.constant_integers(i) == std::vector<std::int64_t>{value};
        };
        const auto limit = c.content(1);
        if (is(0, 0) && is(2, 1) && limit && limit->size() == 1) length = limit->front();
    }
    c.set_output(0, c.dtype(0), ir::Dims{length});
}

Box range_input(const ShapeContext& c, int input, const Box&) {
    return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
}

void range(BoxContext& c) {
    visit_wide(c.output.dtype(), [&]<class Number>() {
        const auto number = [&](std::size_t i) {
            return c.inputs[i].data.cast(dtype_of<Number>()).template as<Number>()[0];
        };
        const Number start = number(0), delta = number(2);
        Tensor result(dtype_of<Number>(), c.box.size);
        std::size_t element = 0;
        for_each_index(c.box, [&](const Shape& at) {
            const Number offset = wrapping(static_cast<Number>(at[0]), delta, std::multiplies<>());
            result.as<Number>()[element++] = wrapping(start, offset, std::plus<>());
        });
        c.output = result.cast(c.output.dtype());
    });
}

const Op kOperators[] = {
    {.name = "EyeLike",
     .attributes = {{"dtype", AttributeKind::integer}, {"k", AttributeKind::integer}},
     .infer = infer_eye,
     .evaluate_box = eye,
     .required_input = eye_input},
    {.name = "Range",
     .inputs = {3, 3},
     .attributes = {{"stash_type", AttributeKind::integer}},
     .infer = infer_range,
     .evaluate_box = range,
     .required_input = range_input},
};

}  // namespace

std::span<const Op> generate_operators() { return kOperators; }

}  // namespace fovea::ops
