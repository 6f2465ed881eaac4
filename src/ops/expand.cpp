#include <algorithm>

#include "base/checked.hpp"
#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

/// One input axis per output axis counted from the back; the shorter one is broadcast.
std::int64_t axis_of(std::size_t output_axis, std::size_t output_rank, std::size_t input_rank) {
    return static_cast<std::int64_t>(output_axis + input_rank) - static_cast<std::int64_t>(output_rank);
}

// ---- Expand

void infer_expand(InferContext& c) {
    expect_rank(c, 1, 1, 1);
    const std::int64_t count = known_count(c.dims(1));
    c.require(count <= base::limits::kMaxRank, "input 1: expected at most " + std::to_string(base::limits::kMaxRank) +
                                                   " sizes, found " + std::to_string(count));
    if (const auto sizes = c.constant_integers(1))
        for (const std::int64_t size : *sizes)
            c.require(size >= 0, "input 1: expected sizes from 0 on, found " + base::to_string(*sizes));
    const auto shape = small_content(c, 1);
    if (!shape || !c.dims(0)) return c.set_output(0, c.dtype(0), std::nullopt);
    c.set_output(0, c.dtype(0), broadcast_dims(c, *c.dims(0), *shape));
    const auto content = small_content(c, 0);
    const std::int64_t elements = known_count(c.outputs()[0].dims);
    if (content && content->size() == 1 && elements >= 0 && elements <= 64)
        keep_content(c, ir::Dims(static_cast<std::size_t>(elements), (*content)[0]));
}

Box expand_required(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    if (input != 0) return need;
    for (std::size_t i = 0; i < box.size.size(); ++i) {
        const std::int64_t axis = axis_of(i, box.size.size(), need.size.size());
        if (axis < 0 || need.size[static_cast<std::size_t>(axis)] == 1) continue;
        need.start[static_cast<std::size_t>(axis)] = box.start[i];
        need.size[static_cast<std::size_t>(axis)] = box.size[i];
    }
    return need;
}

void expand_box(BoxContext& c) {
    const Shape& full = c.inputs[0].full;
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = full[i] == 1 ? 0 : y[i + y.size() - x.size()];
    });
}

// ---- Tile

void infer_tile(InferContext& c) {
    expect_rank(c, 1, 1, 1);
    const auto& x = c.dims(0);
    if (!x) {
        const std::int64_t rank = known_count(c.dims(1));
        const bool fits = rank >= 0 && rank <= base::limits::kMaxRank;
        return c.set_output(0, c.dtype(0),
                            fits ? std::optional(ir::Dims(static_cast<std::size_t>(rank))) : std::nullopt);
    }
    if (const auto numbers = c.constant_integers(1))
        for (const std::int64_t number : *numbers)
            c.require(number >= 0, "input 1: expected repeats from 0 on, found " + base::to_string(*numbers));
    const auto repeats = small_content(c, 1);
    if (!repeats) return c.set_output(0, c.dtype(0), ir::Dims(x->size()));
    c.require(repeats->size() == x->size(),
              "input 1: expected " + std::to_string(x->size()) + " repeats, found " + std::to_string(repeats->size()));
    ir::Dims y;
    for (std::size_t i = 0; i < x->size(); ++i) y.push_back(product(std::vector{(*x)[i], (*repeats)[i]}));
    c.set_output(0, c.dtype(0), std::move(y));
}

Box tile_required(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    if (input != 0) return need;
    for (std::size_t i = 0; i < need.size.size(); ++i) {
        if (need.size[i] == 0) continue;
        const std::int64_t first = box.start[i] % need.size[i];
        if (first + box.size[i] > need.size[i]) continue;
        need.start[i] = first;
        need.size[i] = box.size[i];
    }
    return need;
}

void tile_box(BoxContext& c) {
    const Shape& full = c.inputs[0].full;
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = y[i] % full[i];
    });
}

const Op kOperators[] = {
    {.name = "Expand",
     .inputs = {2, 2},
     .infer = infer_expand,
     .evaluate_box = expand_box,
     .required_input = expand_required},
    {.name = "Tile", .inputs = {2, 2}, .infer = infer_tile, .evaluate_box = tile_box, .required_input = tile_required},
};

}  // namespace

std::span<const Op> expand_operators() { return kOperators; }

}  // namespace fovea::ops
