#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/dispatch.hpp"
#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

/// The input as `count` slices along one axis: element (o, slice, i) of a tensor of the shape [outer, count, inner].
struct Slices {
    std::size_t outer = 1, count = 1, inner = 1;

    [[nodiscard]] std::size_t offset(std::size_t slice, std::size_t element) const {
        return (element / inner * count + slice) * inner + element % inner;
    }
    [[nodiscard]] std::size_t elements() const { return outer * inner; }
};

/// -1, 0 or 1; NaN stands behind all numbers and equals itself.
template <class Number>
int order(Number a, Number b) {
    if constexpr (std::is_floating_point_v<Number>)
        if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
    return a < b ? -1 : a > b ? 1 : 0;
}

template <class Number>
int order(const Slices& slices, std::span<const Number> values, std::size_t a, std::size_t b) {
    for (std::size_t i = 0; i < slices.elements(); ++i)
        if (const int result = order(values[slices.offset(a, i)], values[slices.offset(b, i)])) return result;
    return 0;
}

/// Equal slices, each group in order of place; groups in order of value.
template <class Number>
std::vector<std::vector<std::size_t>> groups_of(const Slices& slices, std::span<const Number> values) {
    std::vector<std::size_t> sorted(slices.count);
    std::iota(sorted.begin(), sorted.end(), 0);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](std::size_t a, std::size_t b) { return order(slices, values, a, b) < 0; });
    std::vector<std::vector<std::size_t>> groups;
    for (const std::size_t slice : sorted) {
        if (groups.empty() || order(slices, values, groups.back()[0], slice) != 0) groups.emplace_back();
        groups.back().push_back(slice);
    }
    return groups;
}

template <class Number>
std::vector<std::vector<std::size_t>> groups_as(const Slices& slices, const Tensor& x) {
    const Tensor wide = x.cast(dtype_of<Number>());
    return groups_of(slices, wide.as<Number>());
}

std::vector<std::vector<std::size_t>> groups_of(const Slices& slices, const Tensor& x) {
    if (base::is_float(x.dtype())) return groups_as<double>(slices, x);
    return x.dtype() == DType::u64 ? groups_as<std::uint64_t>(slices, x) : groups_as<std::int64_t>(slices, x);
}

bool is_flat(const NodeView& node) { return !node.node().attributes.contains("axis"); }

void infer(InferContext& c) {
    std::optional<ir::Dims> y = ir::Dims(1);
    ir::Dims inverse(1);
    if (!is_flat(c)) {
        y = c.dims(0);
        if (y) {
            const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, y->size()));
            inverse[0] = std::exchange((*y)[axis], ir::Dim());
        }
    }
    c.set_output(0, c.dtype(0), std::move(y));
    c.set_output(1, DType::i64, ir::Dims(1));
    c.set_output(2, DType::i64, std::move(inverse));
    c.set_output(3, DType::i64, ir::Dims(1));
}

Slices slices_of(const Shape& shape, std::size_t axis) {
    const std::span<const std::int64_t> sizes(shape);
    return {static_cast<std::size_t>(base::element_count(sizes.first(axis))), static_cast<std::size_t>(shape[axis]),
            static_cast<std::size_t>(base::element_count(sizes.subspan(axis + 1)))};
}

void evaluate(EvalContext& c) {
    const Tensor x = is_flat(c) ? c.input(0).reshaped({c.input(0).size()}) : c.input(0);
    const auto axis = static_cast<std::size_t>(expect_axis(c, "axis", 0, x.shape().size()));
    const Slices from = slices_of(x.shape(), axis);
    auto groups = groups_of(from, x);
    if (c.integer("sorted", 1) == 0)
        std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a[0] < b[0]; });
    Shape shape = x.shape();
    shape[axis] = static_cast<std::int64_t>(groups.size());
    const Slices to = slices_of(shape, axis);
    const ElementCopy copy(x, c.make_output(0, x.dtype(), shape));
    std::vector<std::int64_t> first, inverse(from.count), counts;
    for (std::size_t group = 0; group < groups.size(); ++group) {
        for (std::size_t i = 0; i < from.elements(); ++i) copy(to.offset(group, i), from.offset(groups[group][0], i));
        first.push_back(static_cast<std::int64_t>(groups[group][0]));
        counts.push_back(static_cast<std::int64_t>(groups[group].size()));
        for (const std::size_t slice : groups[group]) inverse[slice] = static_cast<std::int64_t>(group);
    }
    c.set_output(1, Tensor::vector(std::move(first)));
    c.set_output(2, Tensor::vector(std::move(inverse)));
    c.set_output(3, Tensor::vector(std::move(counts)));
}

const Op kOperators[] = {{.name = "Unique",
                          .outputs = {1, 4},
                          .attributes = {{"axis", AttributeKind::integer}, {"sorted", AttributeKind::integer}},
                          .infer = infer,
                          .evaluate = evaluate}};

}  // namespace

std::span<const Op> unique_operators() { return kOperators; }

}  // namespace fovea::ops
