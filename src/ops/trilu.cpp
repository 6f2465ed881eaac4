#include <algorithm>

#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    expect_rank(c, 0, 2, base::limits::kMaxRank);
    c.set_output(0, c.dtype(0), c.dims(0));
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    return input == 0 ? box : Box::whole(c.inputs[1]);
}

std::int64_t diagonal(const BoxContext& c) {
    if (!c.has(1)) return 0;
    const auto k = c.inputs[1].data.to_int64();
    c.require(k.size() == 1, "input 1: expected one element");
    return std::clamp(k[0], -base::limits::kMaxElements, base::limits::kMaxElements);
}

void evaluate_box(BoxContext& c) {
    const bool upper = c.integer("upper", 1) != 0;
    const std::int64_t k = diagonal(c);
    const Tensor zero = Tensor::zeros(c.output.dtype(), {});
    const ElementCopy copy(c.inputs[0].data, c.output), clear(zero, c.output);
    std::size_t to = 0;
    for_each_index(c.box, [&](const Shape& y) {
        const std::int64_t right_of = y[y.size() - 1] - y[y.size() - 2] - k;
        if (upper ? right_of >= 0 : right_of <= 0)
            copy(to++, offset_in(c.inputs[0].box, y));
        else
            clear(to++, 0);
    });
}

const Op kOperators[] = {{.name = "Trilu",
                          .inputs = {1, 2},
                          .attributes = {{"upper", AttributeKind::integer}},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input}};

}  // namespace

std::span<const Op> trilu_operators() { return kOperators; }

}  // namespace fovea::ops
