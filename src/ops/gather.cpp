#include <algorithm>

#include "ops/expect.hpp"
#include "ops/indices.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

// ---- Gather

void infer_gather(InferContext& c) {
    expect_indices(c, 1);
    const auto &x = c.dims(0), &indices = c.dims(1);
    if (!x) return c.set_output(0, c.dtype(0), std::nullopt);
    const auto axis = expect_axis(c, "axis", 0, x->size());
    if (!indices) return c.set_output(0, c.dtype(0), std::nullopt);
    ir::Dims y(x->begin(), x->begin() + axis);
    y.insert(y.end(), indices->begin(), indices->end());
    y.insert(y.end(), x->begin() + axis + 1, x->end());
    c.set_output(0, c.dtype(0), std::move(y));
    const auto content = small_content(c, 0);
    const auto picked = c.constant_integers(1);
    if (!content || !picked || x->size() != 1) return;
    ir::Dims kept;
    for (const std::int64_t index : *picked)
        kept.push_back(
            (*content)[static_cast<std::size_t>(from_front(c, index, static_cast<std::int64_t>(content->size())))]);
    keep_content(c, kept);
}

Box gather_required(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, c.inputs[0].size()));
    const std::size_t rank = c.inputs[1].size();
    if (input != 0) {
        std::copy_n(box.start.begin() + static_cast<std::ptrdiff_t>(axis), rank, need.start.begin());
        std::copy_n(box.size.begin() + static_cast<std::ptrdiff_t>(axis), rank, need.size.begin());
        return need;
    }
    for (std::size_t i = 0; i < need.size.size(); ++i) {
        if (i == axis) continue;
        need.start[i] = box.start[i < axis ? i : i + rank - 1];
        need.size[i] = box.size[i < axis ? i : i + rank - 1];
    }
    return need;
}

void gather_box(BoxContext& c) {
    const Window& x = c.inputs[0];
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x.full.size()));
    const auto indices = c.inputs[1].data.to_int64();
    const Box& places = c.inputs[1].box;
    const std::size_t rank = places.size.size();
    Shape place(rank);
    move_elements(c, x, [&](const Shape& y, Shape& from) {
        for (std::size_t i = 0; i < rank; ++i) place[i] = y[axis + i];
        for (std::size_t i = 0; i < from.size(); ++i)
            if (i != axis) from[i] = y[i < axis ? i : i + rank - 1];
        from[axis] = from_front(c, indices[offset_in(places, place)], x.full[axis]);
    });
}

// ---- GatherElements

void infer_elements(InferContext& c) {
    expect_indices(c, 1);
    const auto &x = c.dims(0), &indices = c.dims(1);
    c.set_output(0, c.dtype(0), indices);
    if (!x || !indices) return;
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x->size()));
    c.require(indices->size() == x->size(), "expected data and indices of the same rank, found " + ir::to_string(x) +
                                                " and " + ir::to_string(indices));
    for (std::size_t i = 0; i < x->size(); ++i)
        c.require(i == axis || !(*x)[i].known() || (*indices)[i].value <= (*x)[i].value,
                  "the indices " + ir::to_string(indices) + " exceed the data " + ir::to_string(x) + " along axis " +
                      std::to_string(i));
}

Box elements_required(const ShapeContext& c, int input, const Box& box) {
    if (input != 0) return box;
    Box need = box;
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, box.size.size()));
    need.start[axis] = 0;
    need.size[axis] = c.inputs[0][axis];
    return need;
}

void elements_box(BoxContext& c) {
    const Window& x = c.inputs[0];
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x.full.size()));
    const auto indices = c.inputs[1].data.to_int64();
    move_elements(c, x, [&](const Shape& y, Shape& from) {
        from = y;
        from[axis] = from_front(c, indices[offset_in(c.inputs[1].box, y)], x.full[axis]);
    });
}

// ---- GatherND

std::size_t batch_axes(const NodeView& node, std::size_t rank) {
    const std::int64_t count = node.integer("batch_dims", 0);
    node.require(count >= 0 && count < static_cast<std::int64_t>(rank),
                 "attribute \"batch_dims\": expected a number from 0 to below the ranks of data and indices, found " +
                     std::to_string(count));
    return static_cast<std::size_t>(count);
}

void infer_nd(InferContext& c) {
    expect_indices(c, 1);
    const auto &x = c.dims(0), &indices = c.dims(1);
    if (!x || !indices) return c.set_output(0, c.dtype(0), std::nullopt);
    c.require(!x->empty() && !indices->empty(), "expected data and indices of a rank of at least 1");
    const std::size_t batch = batch_axes(c, std::min(x->size(), indices->size()));
    for (std::size_t i = 0; i < batch; ++i) expect_same(c, (*x)[i], (*indices)[i], "batch axis " + std::to_string(i));
    const ir::Dim& depth = indices->back();
    if (!depth.known()) return c.set_output(0, c.dtype(0), std::nullopt);
    c.require(depth.value >= 1 && depth.value <= static_cast<std::int64_t>(x->size() - batch),
              "the last axis of the indices " + ir::to_string(indices) + " must name 1 to " +
                  std::to_string(x->size() - batch) + " axes of the data");
    ir::Dims y(indices->begin(), indices->end() - 1);
    y.insert(y.end(), x->begin() + static_cast<std::ptrdiff_t>(batch) + depth.value, x->end());
    c.set_output(0, c.dtype(0), std::move(y));
}

void evaluate_nd(EvalContext& c) {
    const Tensor &x = c.input(0), &indices = c.input(1);
    const std::size_t batch = batch_axes(c, std::min(x.shape().size(), indices.shape().size()));
    const auto depth = static_cast<std::size_t>(indices.shape().back());
    Shape y(indices.shape().begin(), indices.shape().end() - 1);
    const std::size_t outer = y.size();
    c.require(depth >= 1 && depth <= x.shape().size() - batch, "the last axis of the indices does not fit the data");
    y.insert(y.end(), x.shape().begin() + static_cast<std::ptrdiff_t>(batch + depth), x.shape().end());
    const auto numbers = indices.to_int64();
    const ElementCopy copy(x, c.make_output(0, x.dtype(), y));
    const Box source = Box::whole(x.shape()),
              places = Box::whole(Shape(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(outer)));
    Shape from(x.shape().size());
    std::size_t to = 0;
    for_each_index(Box::whole(y), [&](const Shape& index) {
        const std::size_t place =
            offset_in(places, {index.begin(), index.begin() + static_cast<std::ptrdiff_t>(outer)});
        for (std::size_t i = 0; i < batch; ++i) from[i] = index[i];
        for (std::size_t i = 0; i < depth; ++i)
            from[batch + i] = from_front(c, numbers[place * depth + i], x.shape()[batch + i]);
        for (std::size_t i = batch + depth; i < from.size(); ++i) from[i] = index[outer + i - batch - depth];
        copy(to++, offset_in(source, from));
    });
}

Box nd_required(const ShapeContext& c, int input, const Box& box) {
    Box need = Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const std::size_t given = input == 0 ? static_cast<std::size_t>(c.integer("batch_dims", 0)) : need.size.size() - 1;
    std::copy_n(box.start.begin(), given, need.start.begin());
    std::copy_n(box.size.begin(), given, need.size.begin());
    return need;
}

const Op kOperators[] = {
    {.name = "Gather",
     .inputs = {2, 2},
     .attributes = {{"axis", AttributeKind::integer}},
     .infer = infer_gather,
     .evaluate_box = gather_box,
     .required_input = gather_required},
    {.name = "GatherElements",
     .inputs = {2, 2},
     .attributes = {{"axis", AttributeKind::integer}},
     .infer = infer_elements,
     .evaluate_box = elements_box,
     .required_input = elements_required},
    {.name = "GatherND",
     .inputs = {2, 2},
     .attributes = {{"batch_dims", AttributeKind::integer}},
     .infer = infer_nd,
     .evaluate = evaluate_nd,
     .required_input = nd_required},
};

}  // namespace

std::span<const Op> gather_operators() { return kOperators; }

}  // namespace fovea::ops
