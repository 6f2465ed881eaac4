#include <numeric>

#include "base/checked.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

/// Sizes of the `count` parts of `size` elements: equal ones, the last one smaller where it does not come out even.
std::vector<std::int64_t> even_parts(const NodeView& node, std::int64_t size, std::int64_t count) {
    const std::int64_t part = base::ceil_div(size, count), last = size - part * (count - 1);
    node.require(last >= 0, "cannot split " + std::to_string(size) + " into " + std::to_string(count) + " parts of " +
                                std::to_string(part));
    std::vector<std::int64_t> parts(static_cast<std::size_t>(count), part);
    parts.back() = last;
    return parts;
}

std::int64_t output_count(const NodeView& node) {
    const auto outputs = static_cast<std::int64_t>(node.node().outputs.size());
    const std::int64_t count = node.integer("num_outputs", outputs);
    node.require(count == outputs, "attribute \"num_outputs\": expected the number of outputs, " +
                                       std::to_string(outputs) + ", found " + std::to_string(count));
    return count;
}

void check_parts(const NodeView& node, const std::vector<std::int64_t>& parts, const ir::Dim& size) {
    node.require(parts.size() == node.node().outputs.size(), "input 1: expected one size per output, " +
                                                                 std::to_string(node.node().outputs.size()) +
                                                                 ", found " + base::to_string(parts));
    std::int64_t sum = 0;
    for (const std::int64_t part : parts) {
        node.require(part >= 0, "input 1: expected sizes from 0 on, found " + base::to_string(parts));
        sum = base::checked_add(sum, part);
    }
    node.require(!size.known() || sum == size.value,
                 "input 1: the sizes " + base::to_string(parts) + " do not add up to " + std::to_string(size.value));
}

/// Sizes of the parts along the axis, unknown where they do not follow.
ir::Dims part_dims(const InferContext& c, const ir::Dim& size) {
    const std::int64_t count = output_count(c);
    if (const auto parts = c.constant_integers(1)) {
        check_parts(c, *parts, size);
        return ir::to_dims(*parts);
    }
    ir::Dims unknown(static_cast<std::size_t>(count));
    if (c.has(1)) {
        const auto parts = small_content(c, 1);
        return parts && parts->size() == unknown.size() ? *parts : unknown;
    }
    if (count == 1) return {size};
    return size.known() ? ir::to_dims(even_parts(c, size.value, count)) : unknown;
}

void infer(InferContext& c) {
    const auto& x = c.dims(0);
    if (!x) {
        for (std::size_t i = 0; i < c.outputs().size(); ++i) c.set_output(i, c.dtype(0), std::nullopt);
        return;
    }
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x->size()));
    const ir::Dims parts = part_dims(c, (*x)[axis]);
    const auto content = small_content(c, 0);
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        ir::Dims y = *x;
        y[axis] = parts[i];
        c.set_output(i, c.dtype(0), std::move(y));
        if (offset < 0 || !parts[i].known()) {
            offset = -1;
            continue;
        }
        if (content && x->size() == 1 && offset + parts[i].value <= static_cast<std::int64_t>(content->size()))
            c.set_content(i, {content->begin() + offset, content->begin() + offset + parts[i].value});
        offset += parts[i].value;
    }
}

void evaluate(EvalContext& c) {
    const Tensor& x = c.input(0);
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x.shape().size()));
    const std::int64_t size = x.shape()[axis];
    const auto parts = c.has(1) ? c.input(1).to_int64() : even_parts(c, size, output_count(c));
    check_parts(c, parts, size);
    const Box source = Box::whole(x.shape());
    Box part = source;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        part.size[axis] = parts[i];
        const ElementCopy copy(x, c.make_output(i, x.dtype(), part.size));
        std::size_t to = 0;
        for_each_index(part, [&](const Shape& index) { copy(to++, offset_in(source, index)); });
        part.start[axis] += parts[i];
    }
}

const Op kOperators[] = {{.name = "Split",
                          .inputs = {1, 2},
                          .outputs = {1, Arity::kAny},
                          .attributes = {{"axis", AttributeKind::integer}, {"num_outputs", AttributeKind::integer}},
                          .infer = infer,
                          .evaluate = evaluate,
                          .partitions = true}};

}  // namespace

std::span<const Op> split_operators() { return kOperators; }

}  // namespace fovea::ops
