#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/index.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

namespace fovea::ops {
namespace {

/// Which of `rank` axes are reduced, given the content of input 1 (empty where omitted).
std::vector<bool> reduced_axes(const NodeView& node, const std::vector<std::int64_t>& axes, std::size_t rank) {
    if (axes.empty()) return std::vector<bool>(rank, node.integer("noop_with_empty_axes", 0) == 0);
    std::vector<bool> reduced(rank, false);
    const auto count = static_cast<std::int64_t>(rank);
    for (const std::int64_t axis : axes) {
        node.require(axis >= -count && axis < count, "input \"axes\": expected axes of a tensor of rank " +
                                                         std::to_string(rank) + ", found " + std::to_string(axis));
        reduced[static_cast<std::size_t>(axis < 0 ? axis + count : axis)] = true;
    }
    return reduced;
}

template <Types kTypes>
void infer(InferContext& c) {
    expect_types(c, 0, kTypes);
    const bool keep = c.integer("keepdims", 1) != 0;
    c.set_output(0, c.dtype(0), std::nullopt);
    if (!c.dims(0)) return;
    const ir::Dims& x = *c.dims(0);
    const auto rank = static_cast<std::int64_t>(x.size());
    const auto given = c.has(1) ? c.constant_integers(1) : std::vector<std::int64_t>();
    if (!given) {
        const auto count = ir::known_shape(c.dims(1));
        if (keep)
            c.set_output(0, c.dtype(0), ir::Dims(x.size()));
        else if (count && count->size() == 1 && count->front() > 0 && count->front() <= rank)
            c.set_output(0, c.dtype(0), ir::Dims(x.size() - static_cast<std::size_t>(count->front())));
        return;
    }
    const std::vector<bool> reduced = reduced_axes(c, *given, x.size());
    ir::Dims y;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (!reduced[i])
            y.push_back(x[i]);
        else if (keep)
            y.emplace_back(1);
    }
    c.set_output(0, c.dtype(0), std::move(y));
}

/// Part of the input that the places of `box` are computed from.
Box region(const NodeView& node, const std::vector<bool>& reduced, const Shape& input, const Box& box) {
    const bool keep = node.integer("keepdims", 1) != 0;
    Box result = Box::whole(input);
    std::size_t axis = 0;
    for (std::size_t i = 0; i < input.size(); ++i) {
        if (!reduced[i]) {
            result.start[i] = box.start[axis];
            result.size[i] = box.size[axis];
        }
        if (!reduced[i] || keep) ++axis;
    }
    return result;
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input != 0) return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
    const bool given = c.node().inputs.size() > 1 && c.node().inputs[1] != ir::kNone;
    if (given && !c.constants[1]) return Box::whole(c.inputs[0]);
    const auto axes = given ? c.constants[1].to_int64() : std::vector<std::int64_t>();
    return region(c, reduced_axes(c, axes, c.inputs[0].size()), c.inputs[0], box);
}

std::int64_t flops(const ShapeContext& c) { return base::element_count(c.inputs[0]); }

/// Sets each output element to `reduction` of the input elements that it is computed from, in row-major order.
template <class Reduction>
void reduce(BoxContext& c, const Reduction& reduction) {
    const Window& x = c.inputs[0];
    const auto axes = c.has(1) ? c.inputs[1].data.to_int64() : std::vector<std::int64_t>();
    const std::vector<bool> reduced = reduced_axes(c, axes, x.full.size());
    visit_wide(c.output.dtype(), [&]<class Number>() {
        const Tensor input = x.data.cast(dtype_of<Number>());
        const auto source = input.as<Number>();
        Tensor output(dtype_of<Number>(), c.box.size);
        const auto target = output.as<Number>();
        std::vector<Number> values;
        std::size_t element = 0;
        for_each_index(c.box, [&](const Shape& place) {
            const Box one{place, Shape(place.size(), 1)};
            values.clear();
            for_each_index(region(c, reduced, x.full, one),
                           [&](const Shape& index) { values.push_back(source[offset_in(x.box, index)]); });
            target[element++] = reduction(std::span<const Number>(values));
        });
        c.output = output.cast(c.output.dtype());
    });
}

struct Sum {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        Number sum{};
        for (const Number value : x) sum = wrapping(sum, value, std::plus<>());
        return sum;
    }
};

struct Mean {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        const Number sum = Sum()(x);
        if constexpr (std::is_integral_v<Number>)
            if (x.empty()) return 0;
        return sum / static_cast<Number>(x.size());
    }
};

struct Product {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        Number product = 1;
        for (const Number value : x) product = wrapping(product, value, std::multiplies<>());
        return product;
    }
};

struct SumSquare {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        Number sum{};
        for (const Number value : x) sum = wrapping(sum, wrapping(value, value, std::multiplies<>()), std::plus<>());
        return sum;
    }
};

struct L1 {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        Number sum{};
        for (const Number value : x)
            sum = wrapping(sum, value < 0 ? wrapping(Number{}, value, std::minus<>()) : value, std::plus<>());
        return sum;
    }
};

struct L2 {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        double sum = 0;
        for (const Number value : x) sum += static_cast<double>(value) * static_cast<double>(value);
        return from_double<Number>(std::sqrt(sum));
    }
};

struct LogSum {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        return from_double<Number>(std::log(static_cast<double>(Sum()(x))));
    }
};

/// log Σ exp(x), with the largest element taken out so that nothing overflows.
struct LogSumExp {
    template <class Number>
    Number operator()(std::span<const Number> x) const {
        double largest = -std::numeric_limits<double>::infinity(), sum = 0;
        for (const Number value : x) largest = std::max(largest, static_cast<double>(value));
        if (std::isinf(largest)) return from_double<Number>(largest);
        for (const Number value : x) sum += std::exp(static_cast<double>(value) - largest);
        return from_double<Number>(largest + std::log(sum));
    }
};

/// The element that stands before all others in the order `before`; NaN where there is one, `empty` of an empty set.
template <class Number, class Before>
Number extremum(std::span<const Number> x, Number empty, const Before& before) {
    if (x.empty()) return empty;
    Number result = x[0];
    for (const Number value : x)
        if (value != value || before(value, result)) result = value;
    return result;
}

/// Lowest value of `type`; minus infinity for real numbers.
template <class Number>
Number lowest(DType type) {
    if constexpr (std::is_floating_point_v<Number>)
        return -std::numeric_limits<double>::infinity();
    else
        return std::numeric_limits<Number>::lowest() >> (64 - 8 * element_bytes(type));
}

/// Highest value of `type`; infinity for real numbers.
template <class Number>
Number highest(DType type) {
    if constexpr (std::is_floating_point_v<Number>)
        return std::numeric_limits<double>::infinity();
    else
        return type == DType::boolean ? 1 : std::numeric_limits<Number>::max() >> (64 - 8 * element_bytes(type));
}

void maximum(BoxContext& c) {
    reduce(c, [type = c.output.dtype()]<class Number>(std::span<const Number> x) {
        return extremum(x, lowest<Number>(type), std::greater<>());
    });
}

void minimum(BoxContext& c) {
    reduce(c, [type = c.output.dtype()]<class Number>(std::span<const Number> x) {
        return extremum(x, highest<Number>(type), std::less<>());
    });
}

template <class Reduction>
void reduce_by(BoxContext& c) {
    reduce(c, Reduction());
}

const Op kOperators[] = {
    {.name = "ReduceL1",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<L1>,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceL2",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<L2>,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceLogSum",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<LogSum>,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceLogSumExp",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<LogSumExp>,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceMax",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number_or_bool>,
     .evaluate_box = maximum,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceMean",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<Mean>,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceMin",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number_or_bool>,
     .evaluate_box = minimum,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceProd",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<Product>,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceSum",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<Sum>,
     .required_input = required_input,
     .flops = flops},
    {.name = "ReduceSumSquare",
     .inputs = {1, 2},
     .attributes = {{"keepdims", AttributeKind::integer}, {"noop_with_empty_axes", AttributeKind::integer}},
     .infer = infer<Types::number>,
     .evaluate_box = reduce_by<SumSquare>,
     .required_input = required_input,
     .flops = flops},
};

}  // namespace

std::span<const Op> reduce_operators() { return kOperators; }

}  // namespace fovea::ops
