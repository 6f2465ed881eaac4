#include <algorithm>

#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    std::optional<ir::Dims> y;
    std::optional<ir::Dims> content = ir::Dims();
    bool ranked = true;
    for (std::size_t i = 0; i < c.input_count(); ++i) {
        c.require(c.dtype(i) == c.dtype(0), "input " + std::to_string(i) + " has the type " +
                                                std::string(to_string(c.dtype(i))) + ", input 0 has " +
                                                std::string(to_string(c.dtype(0))));
        const auto& x = c.dims(i);
        const auto elements = small_content(c, i);
        if (!elements || !x || x->size() != 1) content.reset();
        if (content) content->insert(content->end(), elements->begin(), elements->end());
        ranked = ranked && x;
        if (!x) continue;
        if (!y) {
            expect_axis(c, "axis", 0, x->size());
            y = x;
            continue;
        }
        const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, y->size()));
        c.require(x->size() == y->size(), "input " + std::to_string(i) + " of the shape " + ir::to_string(x) +
                                              " differs in rank from the inputs before it");
        for (std::size_t k = 0; k < x->size(); ++k)
            (*y)[k] = k == axis ? add((*y)[k], (*x)[k])
                                : expect_same(c, (*y)[k], (*x)[k],
                                              "input " + std::to_string(i) + ", axis " + std::to_string(k));
    }
    if (y && !ranked) (*y)[static_cast<std::size_t>(expect_axis(c, "axis", 0, y->size()))] = ir::Dim();
    c.set_output(0, c.dtype(0), std::move(y));
    keep_content(c, content);
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, box.size.size()));
    std::int64_t offset = 0;
    for (int i = 0; i < input; ++i) offset += c.inputs[static_cast<std::size_t>(i)][axis];
    const std::int64_t size = c.inputs[static_cast<std::size_t>(input)][axis];
    Box need = box;
    const std::int64_t first = std::clamp<std::int64_t>(box.start[axis] - offset, 0, size);
    const std::int64_t last = std::clamp<std::int64_t>(box.start[axis] + box.size[axis] - offset, 0, size);
    need.start[axis] = first;
    need.size[axis] = last - first;
    return need;
}

void evaluate_box(BoxContext& c) {
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, c.output_shape.size()));
    std::vector<ElementCopy> copies;
    for (const Window& input : c.inputs) copies.emplace_back(input.data, c.output);
    std::size_t to = 0;
    for_each_index(c.box, [&](const Shape& y) {
        Shape x = y;
        std::size_t input = 0;
        while (x[axis] >= c.inputs[input].full[axis]) x[axis] -= c.inputs[input++].full[axis];
        copies[input](to++, offset_in(c.inputs[input].box, x));
    });
}

const Op kOperators[] = {{.name = "Concat",
                          .inputs = {1, Arity::kAny},
                          .attributes = {{"axis", AttributeKind::integer, true}},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input}};

}  // namespace

std::span<const Op> concat_operators() { return kOperators; }

}  // namespace fovea::ops
