#include <cmath>

#include "ops/broadcast.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

template <double (*kFunction)(double)>
void real_function(BoxContext& c) {
    map_real(c, kFunction);
}

constexpr Op real(std::string_view name, void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .infer = infer_unary<Types::real>,
            .evaluate_box = evaluate_box,
            .required_input = broadcast_box,
            .elementwise = true};
}

constexpr Op number(std::string_view name, void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .infer = infer_unary<Types::number>,
            .evaluate_box = evaluate_box,
            .required_input = broadcast_box,
            .elementwise = true};
}

double reciprocal(double x) { return 1 / x; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::fmax(x, 0.0) + std::log1p(std::exp(-std::fabs(x))) + (x != x ? x : 0); }
double mish(double x) { return x * std::tanh(softplus(x)); }
double softsign(double x) { return x / (1 + std::fabs(x)); }
double hard_swish(double x) { return x * std::fmin(1.0, std::fmax(0.0, x / 6 + 0.5)); }

/// `function(x)` on numbers of any type.
template <class Function>
void map_number(BoxContext& c, const Function& function) {
    visit_wide(c.output.dtype(), [&]<class Number>() { map<Number>(c, function); });
}

void absolute(BoxContext& c) {
    map_number(c, []<class Number>(Number x) {
        if constexpr (std::is_floating_point_v<Number>)
            return std::fabs(x);
        else
            return x < 0 ? wrapping(Number{}, x, std::minus<>()) : x;
    });
}

void negate(BoxContext& c) {
    map_number(c, []<class Number>(Number x) {
        if constexpr (std::is_floating_point_v<Number>)
            return -x;
        else
            return wrapping(Number{}, x, std::minus<>());
    });
}

void sign(BoxContext& c) {
    map_number(c, []<class Number>(Number x) -> Number { return x > 0 ? 1 : x < 0 ? static_cast<Number>(-1) : x; });
}

void relu(BoxContext& c) {
    map_number(c, []<class Number>(Number x) -> Number { return x < 0 ? 0 : x; });
}

void infer_to_bool(InferContext& c) { c.set_output(0, DType::boolean, c.dims(0)); }

template <class Function>
void map_to_bool(BoxContext& c, const Function& function) {
    const Tensor x = broadcast_to(c.inputs[0], c.box).cast(DType::f64);
    const auto source = x.as<double>();
    const auto target = c.output.as<bool>();
    for (std::size_t i = 0; i < source.size(); ++i) target[i] = function(source[i]);
}

void is_nan(BoxContext& c) {
    map_to_bool(c, [](double x) { return std::isnan(x); });
}

void is_infinite(BoxContext& c) {
    const bool negative = c.integer("detect_negative", 1) != 0, positive = c.integer("detect_positive", 1) != 0;
    map_to_bool(c, [=](double x) { return std::isinf(x) && (x > 0 ? positive : negative); });
}

const Op kOperators[] = {
    number("Abs", absolute),
    number("Neg", negate),
    number("Relu", relu),
    number("Sign", sign),
    real("Acos", real_function<std::acos>),
    real("Acosh", real_function<std::acosh>),
    real("Asin", real_function<std::asin>),
    real("Asinh", real_function<std::asinh>),
    real("Atan", real_function<std::atan>),
    real("Atanh", real_function<std::atanh>),
    real("Ceil", real_function<std::ceil>),
    real("Cos", real_function<std::cos>),
    real("Cosh", real_function<std::cosh>),
    real("Erf", real_function<std::erf>),
    real("Exp", real_function<std::exp>),
    real("Floor", real_function<std::floor>),
    real("HardSwish", real_function<hard_swish>),
    real("Log", real_function<std::log>),
    real("Mish", real_function<mish>),
    real("Reciprocal", real_function<reciprocal>),
    real("Round", real_function<std::nearbyint>),
    real("Sigmoid", real_function<sigmoid>),
    real("Sin", real_function<std::sin>),
    real("Sinh", real_function<std::sinh>),
    real("Softplus", real_function<softplus>),
    real("Softsign", real_function<softsign>),
    real("Sqrt", real_function<std::sqrt>),
    real("Tan", real_function<std::tan>),
    real("Tanh", real_function<std::tanh>),
    {.name = "IsNaN",
     .infer = infer_to_bool,
     .evaluate_box = is_nan,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "IsInf",
     .attributes = {{"detect_negative", AttributeKind::integer}, {"detect_positive", AttributeKind::integer}},
     .infer = infer_to_bool,
     .evaluate_box = is_infinite,
     .required_input = broadcast_box,
     .elementwise = true},
};

}  // namespace

std::span<const Op> unary_operators() { return kOperators; }

}  // namespace fovea::ops
