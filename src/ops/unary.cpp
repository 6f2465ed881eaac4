#include <cmath>

#include "base/dispatch.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer_same(InferContext& c) { c.set_output(0, c.dtype(0), c.dims(0)); }

Box same_box(const ShapeContext&, int, const Box& box) { return box; }

/// Applies `function(value)` to every element; values are float for the small floating-point types.
template <class Function>
void map(BoxContext& c, const Function& function) {
    base::visit(c.output.dtype(), [&]<class T>() {
        const auto source = c.inputs[0].data.as<T>();
        const auto target = c.output.as<T>();
        for (std::size_t i = 0; i < source.size(); ++i)
            target[i] = static_cast<T>(function(static_cast<base::arithmetic_t<T>>(source[i])));
    });
}

void relu(BoxContext& c) {
    map(c, [](auto x) { return x > decltype(x){} ? x : x != x ? x : decltype(x){}; });
}

void sigmoid(BoxContext& c) {
    map(c, [](auto x) { return 1 / (1 + std::exp(-static_cast<double>(x))); });
}

constexpr Op elementwise(std::string_view name, void (*evaluate_box)(BoxContext&)) {
    return {.name = name, .infer = infer_same, .evaluate_box = evaluate_box, .required_input = same_box, .elementwise = true};
}

const Op kOperators[] = {
    elementwise("Relu", relu),
    elementwise("Sigmoid", sigmoid),
};

}  // namespace

std::span<const Op> unary_operators() { return kOperators; }

}  // namespace fovea::ops
