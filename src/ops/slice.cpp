#include <algorithm>

#include "base/checked.hpp"
#include "ops/axes.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

using Integers = std::vector<std::int64_t>;

/// Places start, start + step, … of one axis, `count` of them.
struct Range {
    std::int64_t start = 0, step = 1, count = 0;
};

/// Clamps as the specification of Slice says; ends far outside are fine.
Range make_range(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size) {
    // A step beyond the axis selects at most one place, like a step of the axis' size.
    step = std::clamp<std::int64_t>(step, -std::max<std::int64_t>(size, 1), std::max<std::int64_t>(size, 1));
    if (start < 0) start += size;
    if (end < 0) end += size;
    if (step > 0) {
        start = std::clamp<std::int64_t>(start, 0, size);
        end = std::clamp<std::int64_t>(end, 0, size);
        return {start, step, std::max<std::int64_t>(0, base::ceil_div(std::max<std::int64_t>(0, end - start), step))};
    }
    start = std::clamp<std::int64_t>(start, std::min<std::int64_t>(size - 1, 0), size - 1);
    end = std::clamp<std::int64_t>(end, -1, size - 1);
    return {start, step, base::ceil_div(std::max<std::int64_t>(0, start - end), -step)};
}

/// Axes and steps with their defaults; throws where the numbers of entries differ or a step is 0.
void complete(const NodeView& node, std::size_t count, std::size_t ends, std::optional<Integers>& axes,
              std::optional<Integers>& steps) {
    if (!axes) axes = first_axes(count);
    if (!steps) steps = Integers(count, 1);
    node.require(ends == count && axes->size() == count && steps->size() == count,
                 "expected as many starts as ends, axes and steps, found " + std::to_string(count) + ", " +
                     std::to_string(ends) + ", " + std::to_string(axes->size()) + " and " +
                     std::to_string(steps->size()));
    for (const std::int64_t step : *steps) node.require(step != 0, "input 4: a step of 0 is not allowed");
}

std::vector<Range> ranges(const NodeView& node, const Shape& shape, const Integers& starts, const Integers& ends,
                          std::optional<Integers> axes, std::optional<Integers> steps) {
    complete(node, starts.size(), ends.size(), axes, steps);
    std::vector<Range> result;
    for (const std::int64_t size : shape) result.push_back({0, 1, size});
    const auto places = distinct_axes(node, *axes, shape.size(), "input 3");
    for (std::size_t i = 0; i < places.size(); ++i)
        result[places[i]] = make_range(starts[i], ends[i], (*steps)[i], shape[places[i]]);
    return result;
}

/// Size of one sliced axis; a symbol survives when the whole axis is kept, forwards or backwards.
ir::Dim sliced(const ir::Dim& size, const ir::Dim& start, const ir::Dim& end, bool numbers, std::int64_t step) {
    if (!numbers) return start.value == 0 && step == 1 && end.same(size) ? size : ir::Dim();
    if (size.known()) return make_range(start.value, end.value, step, size.value).count;
    constexpr std::int64_t kFar = 1LL << 30;
    if (step == 1 && start.value == 0 && end.value >= kFar) return size;
    if (step == -1 && (start.value == -1 || start.value >= kFar) && end.value <= -kFar) return size;
    return {};
}

void infer(InferContext& c) {
    const auto& x = c.dims(0);
    for (std::size_t i = 1; i < 5; ++i) expect_rank(c, i, 1, 1);
    if (!x) return c.set_output(0, c.dtype(0), std::nullopt);
    const auto starts = small_content(c, 1), ends = small_content(c, 2);
    auto axes = c.constant_integers(3), steps = c.constant_integers(4);
    if (!starts || !ends || (c.has(3) && !axes) || (c.has(4) && !steps))
        return c.set_output(0, c.dtype(0), ir::Dims(x->size()));
    complete(c, starts->size(), ends->size(), axes, steps);
    // A size that is known though the whole input is not constant is never negative.
    const auto known = [&](std::size_t input, const ir::Dim& value) { return c.constant(input) || value.known(); };
    const auto places = distinct_axes(c, *axes, x->size(), "input 3");
    ir::Dims y = *x;
    for (std::size_t i = 0; i < places.size(); ++i)
        y[places[i]] = sliced((*x)[places[i]], (*starts)[i], (*ends)[i], known(1, (*starts)[i]) && known(2, (*ends)[i]),
                              (*steps)[i]);
    c.set_output(0, c.dtype(0), y);
    const auto content = small_content(c, 0);
    if (!content || x->size() != 1 || !y[0].known() || places.empty()) return;
    if (!known(1, (*starts)[0]) || !known(2, (*ends)[0])) return;
    const Range range = make_range((*starts)[0].value, (*ends)[0].value, (*steps)[0], (*x)[0].value);
    ir::Dims kept;
    for (std::int64_t i = 0; i < range.count; ++i)
        kept.push_back((*content)[static_cast<std::size_t>(range.start + i * range.step)]);
    keep_content(c, kept);
}

std::optional<Integers> given(const Tensor* tensor) {
    return tensor && *tensor ? std::optional(tensor->to_int64()) : std::nullopt;
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    if (input != 0) return need;
    std::optional<Integers> given_inputs[4];
    for (std::size_t i = 0; i < 4; ++i) {
        const bool present = i + 1 < c.node().inputs.size() && c.node().inputs[i + 1] != ir::kNone;
        if (present && !(i + 1 < c.constants.size() && c.constants[i + 1])) return need;
        if (present) given_inputs[i] = c.constants[i + 1].to_int64();
    }
    const auto axes = ranges(c, c.inputs[0], *given_inputs[0], *given_inputs[1], given_inputs[2], given_inputs[3]);
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const Range& range = axes[i];
        const std::int64_t steps = std::max<std::int64_t>(box.size[i] - 1, 0) * range.step;
        const std::int64_t first = range.start + box.start[i] * range.step;
        need.start[i] = std::min(first, first + steps);
        need.size[i] = box.size[i] == 0 ? 0 : std::abs(steps) + 1;
    }
    return need;
}

void evaluate_box(BoxContext& c) {
    const auto parameter = [&](std::size_t i) { return given(c.has(i) ? &c.inputs[i].data : nullptr); };
    const auto axes = ranges(c, c.inputs[0].full, c.inputs[1].data.to_int64(), c.inputs[2].data.to_int64(),
                             parameter(3), parameter(4));
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = axes[i].start + y[i] * axes[i].step;
    });
}

const Op kOperators[] = {{.name = "Slice",
                          .inputs = {3, 5},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input}};

}  // namespace

std::span<const Op> slice_operators() { return kOperators; }

}  // namespace fovea::ops
