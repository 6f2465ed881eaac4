#include <functional>

#include "base/dispatch.hpp"
#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/indices.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

enum class Reduction { none, add, multiply, maximum, minimum };

Reduction reduction_of(const NodeView& node) {
    const std::string name = node.text("reduction", "none");
    if (name == "none") return Reduction::none;
    if (name == "add") return Reduction::add;
    if (name == "mul") return Reduction::multiply;
    if (name == "max") return Reduction::maximum;
    node.require(name == "min", "attribute \"reduction\": expected none, add, mul, max or min, found " + name);
    return Reduction::minimum;
}

template <class Wide>
Wide reduced(Reduction reduction, Wide a, Wide b) {
    // Unsigned sums and products wrap around to the bits that any integer type would give.
    using Number = std::conditional_t<std::is_integral_v<Wide>, std::uint64_t, Wide>;
    switch (reduction) {
        case Reduction::add: return static_cast<Wide>(static_cast<Number>(a) + static_cast<Number>(b));
        case Reduction::multiply: return static_cast<Wide>(static_cast<Number>(a) * static_cast<Number>(b));
        case Reduction::maximum: return a != a || a > b ? a : b;
        case Reduction::minimum: return a != a || a < b ? a : b;
        case Reduction::none: break;
    }
    return b;
}

/// Combines the element `from` of `updates` with the element `to` of a copy of the data.
using Combine = std::function<void(std::size_t to, std::size_t from)>;

Combine combine_into(Reduction reduction, Tensor& target, const Tensor& updates) {
    if (reduction == Reduction::none) return ElementCopy(updates, target);
    return base::visit(target.dtype(), [&]<class T>() -> Combine {
        return [reduction, out = target.as<T>(), in = updates.as<T>()](std::size_t to, std::size_t from) {
            using Wide = base::arithmetic_t<T>;
            out[to] = static_cast<T>(reduced(reduction, static_cast<Wide>(out[to]), static_cast<Wide>(in[from])));
        };
    });
}

void expect_updates(const InferContext& c) {
    expect_indices(c, 1);
    reduction_of(c);
    c.require(c.dtype(2) == c.dtype(0), "the updates have the type " + std::string(to_string(c.dtype(2))) +
                                            ", the data " + std::string(to_string(c.dtype(0))));
}

// ---- ScatterElements

void infer_elements(InferContext& c) {
    expect_updates(c);
    c.set_output(0, c.dtype(0), c.dims(0));
    const auto &x = c.dims(0), &indices = c.dims(1), &updates = c.dims(2);
    if (x) expect_axis(c, "axis", 0, x->size());
    if (x && indices)
        c.require(x->size() == indices->size(), "expected data and indices of the same rank, found " +
                                                    ir::to_string(x) + " and " + ir::to_string(indices));
    if (!indices || !updates) return;
    c.require(indices->size() == updates->size(), "expected indices and updates of the same shape, found " +
                                                      ir::to_string(indices) + " and " + ir::to_string(updates));
    for (std::size_t i = 0; i < indices->size(); ++i)
        expect_same(c, (*indices)[i], (*updates)[i], "indices and updates, axis " + std::to_string(i));
}

void evaluate_elements(EvalContext& c) {
    const Tensor &x = c.input(0), &updates = c.input(2);
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x.shape().size()));
    const auto indices = c.input(1).to_int64();
    const Shape& shape = c.input(1).shape();
    c.require(shape == updates.shape() && shape.size() == x.shape().size(), "indices and updates do not fit the data");
    Tensor y = x.clone();
    const Combine combine = combine_into(reduction_of(c), y, updates);
    const Box target = Box::whole(x.shape());
    std::size_t from = 0;
    for_each_index(Box::whole(shape), [&](const Shape& place) {
        Shape to = place;
        to[axis] = from_front(c, indices[from], x.shape()[axis]);
        c.require(inside(to, x.shape()), "the indices exceed the data");
        combine(offset_in(target, to), from++);
    });
    c.set_output(0, std::move(y));
}

// ---- ScatterND

/// Shape of the updates: one slice of the data for each index tuple.
ir::Dims update_dims(const NodeView& node, const ir::Dims& x, const ir::Dims& indices) {
    node.require(!x.empty() && !indices.empty(), "expected data and indices of a rank of at least 1");
    const std::int64_t depth = indices.back().value;
    node.require(depth <= static_cast<std::int64_t>(x.size()),
                 "the last axis of the indices " + ir::to_string(indices) + " names more axes than the data " +
                     ir::to_string(x) + " has");
    ir::Dims dims(indices.begin(), indices.end() - 1);
    dims.insert(dims.end(), x.begin() + depth, x.end());
    return dims;
}

void infer_nd(InferContext& c) {
    expect_updates(c);
    c.set_output(0, c.dtype(0), c.dims(0));
    const auto &x = c.dims(0), &indices = c.dims(1), &updates = c.dims(2);
    if (!x || !indices || !updates || (!indices->empty() && !indices->back().known())) return;
    const ir::Dims expected = update_dims(c, *x, *indices);
    c.require(expected.size() == updates->size(),
              "expected updates of the shape " + ir::to_string(expected) + ", found " + ir::to_string(updates));
    for (std::size_t i = 0; i < expected.size(); ++i)
        expect_same(c, expected[i], (*updates)[i], "updates, axis " + std::to_string(i));
}

void evaluate_nd(EvalContext& c) {
    const Tensor &x = c.input(0), &indices = c.input(1), &updates = c.input(2);
    const auto expected = ir::known_shape(update_dims(c, ir::to_dims(x.shape()), ir::to_dims(indices.shape())));
    c.require(expected == updates.shape(), "the updates do not fit the data and the indices");
    const auto depth = static_cast<std::size_t>(indices.shape().back());
    const Shape inner(x.shape().begin() + static_cast<std::ptrdiff_t>(depth), x.shape().end());
    const auto slice = static_cast<std::size_t>(base::element_count(inner));
    const std::size_t tuples = slice ? static_cast<std::size_t>(updates.size()) / slice : 0;
    const auto numbers = indices.to_int64();
    Tensor y = x.clone();
    const Combine combine = combine_into(reduction_of(c), y, updates);
    for (std::size_t tuple = 0; tuple < tuples; ++tuple) {
        std::size_t to = 0;
        for (std::size_t i = 0; i < depth; ++i) {
            const std::int64_t size = x.shape()[i];
            to = to * static_cast<std::size_t>(size) +
                 static_cast<std::size_t>(from_front(c, numbers[tuple * depth + i], size));
        }
        for (std::size_t i = 0; i < slice; ++i) combine(to * slice + i, tuple * slice + i);
    }
    c.set_output(0, std::move(y));
}

// ---- TensorScatter

std::size_t sequence_axis(const NodeView& node, std::size_t rank) {
    const std::int64_t axis = expect_axis(node, "axis", -2, rank);
    node.require(axis != 0, "attribute \"axis\": the batch axis cannot be the sequence axis");
    return static_cast<std::size_t>(axis);
}

bool is_circular(const NodeView& node) {
    const std::string mode = node.text("mode", "linear");
    node.require(mode == "linear" || mode == "circular",
                 "attribute \"mode\": expected linear or circular, found " + mode);
    return mode == "circular";
}

void infer_cache(InferContext& c) {
    is_circular(c);
    c.set_output(0, c.dtype(0), c.dims(0));
    c.require(c.dtype(0) == c.dtype(1), "the cache and the update differ in type");
    const auto &cache = c.dims(0), &update = c.dims(1);
    if (!cache || !update) return;
    c.require(cache->size() == update->size(), "expected a cache and an update of the same rank, found " +
                                                   ir::to_string(cache) + " and " + ir::to_string(update));
    const std::size_t axis = sequence_axis(c, cache->size());
    for (std::size_t i = 0; i < cache->size(); ++i)
        if (i != axis) expect_same(c, (*cache)[i], (*update)[i], "cache and update, axis " + std::to_string(i));
    if (c.has(2)) expect_vector(c, 2, (*cache)[0]);
}

void evaluate_cache(EvalContext& c) {
    const Tensor &cache = c.input(0), &update = c.input(1);
    const std::size_t axis = sequence_axis(c, cache.shape().size());
    const std::int64_t batch = cache.shape()[0], size = cache.shape()[axis];
    auto starts = c.has(2) ? c.input(2).to_int64() : std::vector<std::int64_t>(static_cast<std::size_t>(batch), 0);
    c.require(static_cast<std::int64_t>(starts.size()) == batch, "expected one write index for each of the batch");
    const bool circular = is_circular(c) && size > 0;
    for (std::int64_t& start : starts) {
        if (circular) start = (start % size + size) % size;
        c.require(start >= 0 && start <= size, "the write index " + std::to_string(start) + " is outside of the cache");
    }
    Tensor y = cache.clone();
    const ElementCopy copy(update, y);
    const Box target = Box::whole(cache.shape());
    std::size_t from = 0;
    for_each_index(Box::whole(update.shape()), [&](const Shape& place) {
        Shape to = place;
        to[axis] += starts.at(static_cast<std::size_t>(place[0]));
        if (circular) to[axis] %= size;
        c.require(inside(to, cache.shape()), "the update exceeds the cache");
        copy(offset_in(target, to), from++);
    });
    c.set_output(0, std::move(y));
}

const Op kOperators[] = {
    {.name = "ScatterElements",
     .inputs = {3, 3},
     .attributes = {{"axis", AttributeKind::integer}, {"reduction", AttributeKind::text}},
     .infer = infer_elements,
     .evaluate = evaluate_elements},
    {.name = "ScatterND",
     .inputs = {3, 3},
     .attributes = {{"reduction", AttributeKind::text}},
     .infer = infer_nd,
     .evaluate = evaluate_nd},
    {.name = "TensorScatter",
     .inputs = {2, 3},
     .attributes = {{"axis", AttributeKind::integer}, {"mode", AttributeKind::text}},
     .infer = infer_cache,
     .evaluate = evaluate_cache},
};

}  // namespace

std::span<const Op> scatter_operators() { return kOperators; }

}  // namespace fovea::ops
