#include <algorithm>

#include "base/checked.hpp"
#include "base/limits.hpp"
#include "ops/axes.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

using Integers = std::vector<std::int64_t>;

enum class Mode { constant, reflect, edge, wrap };

Mode mode_of(const NodeView& node) {
    const std::string mode = node.text("mode", "constant");
    if (mode == "constant") return Mode::constant;
    if (mode == "reflect") return Mode::reflect;
    if (mode == "edge") return Mode::edge;
    node.require(mode == "wrap", "attribute \"mode\": expected constant, reflect, edge or wrap, found " + mode);
    return Mode::wrap;
}

/// Padding of one axis; a negative number cuts.
struct Margin {
    std::int64_t begin = 0, end = 0;
};

std::vector<Margin> margins(const NodeView& node, const Integers& pads, const std::optional<Integers>& axes,
                            std::size_t rank) {
    const auto places = distinct_axes(node, axes ? *axes : first_axes(rank), rank, "input 3");
    node.require(pads.size() == 2 * places.size(), "input 1: expected " + std::to_string(2 * places.size()) +
                                                       " numbers, found " + std::to_string(pads.size()));
    std::vector<Margin> result(rank);
    for (const std::int64_t pad : pads)
        node.require(pad >= -base::limits::kMaxElements && pad <= base::limits::kMaxElements,
                     "input 1: the padding " + std::to_string(pad) + " exceeds the limit of 2^36");
    for (std::size_t i = 0; i < places.size(); ++i) result[places[i]] = {pads[i], pads[places.size() + i]};
    return result;
}

ir::Dim padded(const NodeView& node, const ir::Dim& size, const Margin& margin, Mode mode) {
    const std::int64_t more = base::checked_add(margin.begin, margin.end);
    if (!size.known()) return more == 0 ? size : ir::Dim();
    const std::int64_t result = base::checked_add(size.value, more);
    node.require(result >= 0, "input 1: the padding " + std::to_string(margin.begin) + ", " +
                                  std::to_string(margin.end) + " cuts more than the size of " +
                                  std::to_string(size.value));
    const std::int64_t kept =
        size.value + std::min<std::int64_t>(margin.begin, 0) + std::min<std::int64_t>(margin.end, 0);
    node.require(mode == Mode::constant || kept > 0 || result == 0, "input 1: nothing is left of the axis to repeat");
    return result;
}

void infer(InferContext& c) {
    const Mode mode = mode_of(c);
    expect_rank(c, 1, 1, 1);
    expect_rank(c, 3, 1, 1);
    if (c.has(2) && c.dims(2))
        c.require(known_count(c.dims(2)) <= 1, "input 2: expected one value, found " + ir::to_string(c.dims(2)));
    const auto& x = c.dims(0);
    if (!x) return c.set_output(0, c.dtype(0), std::nullopt);
    const auto pads = c.constant_integers(1), axes = c.constant_integers(3);
    if (!pads || (c.has(3) && !axes)) return c.set_output(0, c.dtype(0), ir::Dims(x->size()));
    const auto borders = margins(c, *pads, axes, x->size());
    ir::Dims y;
    for (std::size_t i = 0; i < x->size(); ++i) y.push_back(padded(c, (*x)[i], borders[i], mode));
    c.set_output(0, c.dtype(0), std::move(y));
}

/// What remains of an axis after cutting: places [begin, end).
struct Kept {
    std::int64_t begin, end;
};

Kept kept_of(std::int64_t size, const Margin& margin) {
    return {std::max<std::int64_t>(0, -margin.begin), size + std::min<std::int64_t>(0, margin.end)};
}

/// Input place that the place `at` (counted in the input, outside of `kept` too) shows.
std::int64_t source_place(std::int64_t at, const Kept& kept, Mode mode) {
    const std::int64_t size = kept.end - kept.begin;
    std::int64_t offset = at - kept.begin;
    if (mode == Mode::edge) return kept.begin + std::clamp<std::int64_t>(offset, 0, size - 1);
    if (mode == Mode::wrap) return kept.begin + (offset % size + size) % size;
    if (size == 1) return kept.begin;
    const std::int64_t period = 2 * (size - 1);
    offset = (offset % period + period) % period;
    return kept.begin + std::min(offset, period - offset);
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const bool axes_given = c.node().inputs.size() > 3 && c.node().inputs[3] != ir::kNone;
    const auto constant = [&](std::size_t i) { return i < c.constants.size() && c.constants[i]; };
    if (input != 0 || !constant(1) || (axes_given && !constant(3))) return need;
    const auto axes = axes_given ? std::optional(c.constants[3].to_int64()) : std::nullopt;
    const auto borders = margins(c, c.constants[1].to_int64(), axes, need.size.size());
    const Mode mode = mode_of(c);
    for (std::size_t i = 0; i < borders.size(); ++i) {
        const Kept kept = kept_of(c.inputs[0][i], borders[i]);
        const std::int64_t first = box.start[i] - borders[i].begin, last = first + box.size[i];
        if (mode == Mode::constant || mode == Mode::edge) {
            // The nearest edge element belongs to it even where the box lies in the margin alone.
            const std::int64_t low = mode == Mode::edge ? std::min(first, kept.end - 1) : first;
            const std::int64_t high = mode == Mode::edge ? std::max(last, kept.begin + 1) : last;
            need.start[i] = std::clamp<std::int64_t>(low, 0, c.inputs[0][i]);
            need.size[i] = std::max<std::int64_t>(0, std::min(high, c.inputs[0][i]) - need.start[i]);
        } else if (first >= kept.begin && last <= kept.end) {
            need.start[i] = first;
            need.size[i] = box.size[i];
        }
    }
    return need;
}

void evaluate_box(BoxContext& c) {
    const Window& x = c.inputs[0];
    const std::size_t rank = x.full.size();
    const auto axes = c.has(3) ? std::optional(c.inputs[3].data.to_int64()) : std::nullopt;
    const auto borders = margins(c, c.inputs[1].data.to_int64(), axes, rank);
    const Mode mode = mode_of(c);
    const Tensor value = c.has(2) && c.inputs[2].data.size() == 1 ? c.inputs[2].data.cast(c.output.dtype())
                                                                  : Tensor::zeros(c.output.dtype(), {1});
    const ElementCopy copy(x.data, c.output), fill(value, c.output);
    Shape from(rank);
    std::size_t to = 0;
    for_each_index(c.box, [&](const Shape& y) {
        bool outside = false;
        for (std::size_t i = 0; i < rank; ++i) {
            const Kept kept = kept_of(x.full[i], borders[i]);
            from[i] = y[i] - borders[i].begin;
            if (mode != Mode::constant) from[i] = source_place(from[i], kept, mode);
            outside = outside || from[i] < kept.begin || from[i] >= kept.end;
        }
        if (outside)
            fill(to++, 0);
        else
            copy(to++, offset_in(x.box, from));
    });
}

const Op kOperators[] = {{.name = "Pad",
                          .inputs = {2, 4},
                          .attributes = {{"mode", AttributeKind::text}},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input}};

}  // namespace

std::span<const Op> pad_operators() { return kOperators; }

}  // namespace fovea::ops
