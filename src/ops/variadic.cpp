#include <cmath>

#include "base/limits.hpp"
#include "ops/broadcast.hpp"
#include "ops/content.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

template <Types kTypes>
void infer_variadic(InferContext& c) {
    for (std::size_t i = 0; i < c.input_count(); ++i) {
        expect_types(c, i, kTypes);
        expect_same_type(c, 0, i);
    }
    c.set_output(0, c.dtype(0), broadcast_inputs(c, 0, c.input_count() - 1));
}

Element larger(const Element& a, const Element& b) {
    if (a.same(b)) return a;
    if (a.number && b.number) return *a.number > *b.number ? a : b;
    // A size is never negative.
    if (a.number && *a.number <= 0 && !b.size.empty()) return b;
    if (b.number && *b.number <= 0 && !a.size.empty()) return a;
    return {};
}

Element smaller(const Element& a, const Element& b) {
    if (a.same(b)) return a;
    if (a.number && b.number) return *a.number < *b.number ? a : b;
    if (a.number && *a.number >= base::limits::kMaxElements && !b.size.empty()) return b;
    if (b.number && *b.number >= base::limits::kMaxElements && !a.size.empty()) return a;
    return {};
}

template <Element (*kCombine)(const Element&, const Element&)>
void infer_extremum(InferContext& c) {
    infer_variadic<Types::number>(c);
    infer_content(c, [](std::span<const Element> x) {
        Element result = x[0];
        for (const Element& element : x.subspan(1)) result = kCombine(result, element);
        return result;
    });
}

/// `function` of the inputs' elements under each place, from the first input to the last.
template <class Number, class Function>
Tensor fold(BoxContext& c, const Function& function) {
    Tensor result = broadcast_to(c.inputs[0], c.box).cast(dtype_of<Number>()).clone();
    const auto target = result.as<Number>();
    for (std::size_t input = 1; input < c.inputs.size(); ++input) {
        const Tensor x = broadcast_to(c.inputs[input], c.box).cast(dtype_of<Number>());
        const auto source = x.as<Number>();
        for (std::size_t i = 0; i < target.size(); ++i) target[i] = function(target[i], source[i]);
    }
    return result;
}

template <class Function>
void fold_number(BoxContext& c, const Function& function) {
    visit_wide(c.output.dtype(), [&]<class Number>() { c.output = fold<Number>(c, function).cast(c.output.dtype()); });
}

void maximum(BoxContext& c) {
    fold_number(c, [](auto a, auto b) { return a != a || a > b ? a : b; });
}

void minimum(BoxContext& c) {
    fold_number(c, [](auto a, auto b) { return a != a || a < b ? a : b; });
}

void sum(BoxContext& c) { c.output = fold<double>(c, std::plus<>()).cast(c.output.dtype()); }

void mean(BoxContext& c) {
    Tensor total = fold<double>(c, std::plus<>());
    for (double& value : total.as<double>()) value /= static_cast<double>(c.inputs.size());
    c.output = total.cast(c.output.dtype());
}

void infer_clip(InferContext& c) {
    infer_unary<Types::number>(c);
    for (const std::size_t i : {1, 2}) {
        expect_same_type(c, 0, i);
        const auto bound = c.has(i) ? ir::known_shape(c.dims(i)) : std::nullopt;
        c.require(!bound || base::element_count(*bound) == 1,
                  "input " + std::to_string(i) + ": expected a single number, found a tensor of another size");
    }
}

Box clip_box(const ShapeContext& c, int input, const Box& box) {
    return input == 0 ? box : Box::whole(c.inputs[static_cast<std::size_t>(input)]);
}

void clip(BoxContext& c) {
    visit_wide(c.output.dtype(), [&]<class Number>() {
        const auto bound = [&](std::size_t input) {
            return c.has(input) ? std::optional(c.inputs[input].data.cast(dtype_of<Number>()).template as<Number>()[0])
                                : std::nullopt;
        };
        const std::optional<Number> low = bound(1), high = bound(2);
        map<Number>(c, [&](Number x) {
            if (low && x < *low) x = *low;
            return high && x > *high ? *high : x;
        });
    });
}

constexpr Op variadic(std::string_view name, void (*infer)(InferContext&), void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .inputs = {1, Arity::kAny},
            .infer = infer,
            .evaluate_box = evaluate_box,
            .required_input = broadcast_box,
            .elementwise = true};
}

const Op kOperators[] = {
    variadic("Max", infer_extremum<larger>, maximum),
    variadic("Mean", infer_variadic<Types::real>, mean),
    variadic("Min", infer_extremum<smaller>, minimum),
    variadic("Sum", infer_variadic<Types::real>, sum),
    {.name = "Clip",
     .inputs = {1, 3},
     .infer = infer_clip,
     .evaluate_box = clip,
     .required_input = clip_box,
     .elementwise = true},
};

}  // namespace

std::span<const Op> variadic_operators() { return kOperators; }

}  // namespace fovea::ops
