#include <algorithm>
#include <utility>

#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

// ---- NonZero

void infer_non_zero(InferContext& c) {
    const ir::Dim rank = c.dims(0) ? ir::Dim(static_cast<std::int64_t>(c.dims(0)->size())) : ir::Dim();
    c.set_output(0, DType::i64, ir::Dims{rank, ir::Dim()});
}

std::optional<Found> found_non_zero(const ShapeContext& c, const CountedAxes& counted) {
    if (counted[0]) return std::nullopt;
    return Found{1, base::element_count(c.inputs[0])};
}

void evaluate_non_zero(EvalContext& c) {
    const Tensor& x = c.input(0);
    const Tensor truth = x.cast(DType::boolean);
    const auto holds = truth.as<bool>();
    const std::int64_t count = std::count(holds.begin(), holds.end(), true);
    const auto y = c.make_output(0, DType::i64, {x.rank(), count}).as<std::int64_t>();
    std::size_t element = 0, found = 0;
    for_each_index(Box::whole(x.shape()), [&](const Shape& index) {
        if (!holds[element++]) return;
        for (std::size_t i = 0; i < index.size(); ++i) y[i * static_cast<std::size_t>(count) + found] = index[i];
        ++found;
    });
}

// ---- Compress

void infer_compress(InferContext& c) {
    c.require(c.dtype(1) == DType::boolean, "input 1: expected bool, found " + std::string(to_string(c.dtype(1))));
    expect_rank(c, 1, 1, 1);
    if (!c.node().attributes.contains("axis")) return c.set_output(0, c.dtype(0), ir::Dims(1));
    std::optional<ir::Dims> y = c.dims(0);
    if (y) (*y)[static_cast<std::size_t>(expect_axis(c, "axis", 0, y->size()))] = ir::Dim();
    c.set_output(0, c.dtype(0), std::move(y));
}

std::optional<Found> found_compress(const ShapeContext& c, const CountedAxes& counted) {
    if (counted[0] || counted[1]) return std::nullopt;
    if (!c.node().attributes.contains("axis"))
        return Found{0, std::min(base::element_count(c.inputs[0]), c.inputs[1][0])};
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, c.inputs[0].size()));
    return Found{axis, std::min(c.inputs[0][axis], c.inputs[1][0])};
}

void evaluate_compress(EvalContext& c) {
    const bool flat = !c.node().attributes.contains("axis");
    const Tensor x = flat ? c.input(0).reshaped({c.input(0).size()}) : c.input(0);
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x.shape().size()));
    const auto condition = c.input(1).as<bool>();
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < condition.size(); ++i) {
        if (!condition[i]) continue;
        c.require(static_cast<std::int64_t>(i) < x.shape()[axis], "the condition selects a place outside of the input");
        kept.push_back(static_cast<std::int64_t>(i));
    }
    Shape shape = x.shape();
    shape[axis] = static_cast<std::int64_t>(kept.size());
    const ElementCopy copy(x, c.make_output(0, x.dtype(), shape));
    const Box source = Box::whole(x.shape());
    std::size_t to = 0;
    for_each_index(Box::whole(shape), [&](const Shape& index) {
        Shape from = index;
        from[axis] = kept[static_cast<std::size_t>(index[axis])];
        copy(to++, offset_in(source, from));
    });
}

const Op kOperators[] = {
    {.name = "NonZero", .infer = infer_non_zero, .evaluate = evaluate_non_zero, .found = found_non_zero},
    {.name = "Compress",
     .inputs = {2, 2},
     .attributes = {{"axis", AttributeKind::integer}},
     .infer = infer_compress,
     .evaluate = evaluate_compress,
     .found = found_compress},
};

}  // namespace

std::span<const Op> compress_operators() { return kOperators; }

}  // namespace fovea::ops
