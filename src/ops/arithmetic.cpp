#include <cmath>

#include "ops/broadcast.hpp"
#include "ops/content.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

/// Whether input `i` is constant, f32, and stands beside a narrow floating-point tensor.
bool is_wide_number(const InferContext& c, std::size_t i) {
    const DType other = c.dtype(1 - i);
    return c.dtype(i) == DType::f32 && (other == DType::bf16 || other == DType::f16) && c.constant(i);
}

/// Beyond the specification, f32 constants may stand beside a narrow tensor, whose type the result then has: plans in
/// narrow types keep them so.
void infer_binary(InferContext& c) {
    expect_types(c, 0, Types::number);
    const bool mixed = is_wide_number(c, 0) || is_wide_number(c, 1);
    if (!mixed) expect_same_type(c, 0, 1);
    const bool second = c.dtype(0) == DType::undefined || is_wide_number(c, 0);
    c.set_output(0, c.dtype(second ? 1 : 0), broadcast_inputs(c, 0, 1));
}

/// `function(a, b)` on numbers of any type.
template <class Function>
void zip_number(BoxContext& c, const Function& function) {
    visit_wide(c.output.dtype(), [&]<class Number>() { zip<Number>(c, function); });
}

void add(BoxContext& c) {
    zip_number(c, [](auto a, auto b) { return wrapping(a, b, std::plus<>()); });
}

void subtract(BoxContext& c) {
    zip_number(c, [](auto a, auto b) { return wrapping(a, b, std::minus<>()); });
}

void multiply(BoxContext& c) {
    zip_number(c, [](auto a, auto b) { return wrapping(a, b, std::multiplies<>()); });
}

/// Integers: truncated; 0 where the divisor is 0.
template <class Number>
Number divide(Number a, Number b) {
    if constexpr (std::is_integral_v<Number>) {
        if (b == 0) return 0;
        if (b == static_cast<Number>(-1) && std::is_signed_v<Number>) return wrapping(Number{}, a, std::minus<>());
    }
    return a / b;
}

void divide(BoxContext& c) {
    zip_number(c, [](auto a, auto b) { return divide(a, b); });
}

Element add_elements(std::span<const Element> x) {
    std::int64_t sum = 0;
    if (x[0].number && x[1].number)
        return __builtin_add_overflow(*x[0].number, *x[1].number, &sum) ? Element() : Element{sum, {}};
    return x[1].is(0) ? x[0] : x[0].is(0) ? x[1] : Element();
}

Element subtract_elements(std::span<const Element> x) {
    std::int64_t difference = 0;
    if (x[0].number && x[1].number)
        return __builtin_sub_overflow(*x[0].number, *x[1].number, &difference) ? Element() : Element{difference, {}};
    return x[1].is(0) ? x[0] : x[0].same(x[1]) ? Element{0, {}} : Element();
}

Element multiply_elements(std::span<const Element> x) {
    std::int64_t product = 0;
    if (x[0].number && x[1].number)
        return __builtin_mul_overflow(*x[0].number, *x[1].number, &product) ? Element() : Element{product, {}};
    if (x[0].is(0) || x[1].is(0)) return {0, {}};
    return x[1].is(1) ? x[0] : x[0].is(1) ? x[1] : Element();
}

Element divide_elements(std::span<const Element> x) {
    if (x[0].number && x[1].number) return {divide(*x[0].number, *x[1].number), {}};
    return x[1].is(1) ? x[0] : Element();
}

template <Element (*kCombine)(std::span<const Element>)>
void infer_arithmetic(InferContext& c) {
    infer_binary(c);
    infer_content(c, kCombine);
}

/// Sign of the divisor; its quotient is rounded down. 0 where an integer divisor is 0.
template <class Number>
Number floor_remainder(Number a, Number b) {
    if constexpr (std::is_integral_v<Number>) {
        if (b == 0 || (std::is_signed_v<Number> && b == static_cast<Number>(-1))) return 0;
        const Number r = a % b;
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    } else {
        const Number r = std::fmod(a, b);
        if (r == 0) return std::copysign(Number{}, b);
        return (r < 0) != (b < 0) ? r + b : r;
    }
}

/// Sign of the dividend; its quotient is truncated. 0 where an integer divisor is 0.
template <class Number>
Number truncated_remainder(Number a, Number b) {
    if constexpr (std::is_integral_v<Number>) {
        if (b == 0 || (std::is_signed_v<Number> && b == static_cast<Number>(-1))) return 0;
        return a % b;
    } else {
        return std::fmod(a, b);
    }
}

void infer_modulo(InferContext& c) {
    const std::int64_t fmod = c.integer("fmod", 0);
    c.require(fmod == 0 || fmod == 1, "attribute \"fmod\": expected 0 or 1, found " + std::to_string(fmod));
    infer_binary(c);
}

void modulo(BoxContext& c) {
    if (c.integer("fmod", 0))
        zip_number(c, [](auto a, auto b) { return truncated_remainder(a, b); });
    else
        zip_number(c, [](auto a, auto b) { return floor_remainder(a, b); });
}

void infer_power(InferContext& c) {
    expect_types(c, 0, Types::number);
    expect_types(c, 1, Types::number);
    c.set_output(0, c.dtype(0), broadcast_inputs(c, 0, 1));
}

/// `base` to the power of an integer; overflow wraps, and a negative exponent truncates the fraction (1 / 0 gives 0).
template <class Number>
Number integer_power(Number base, std::int64_t exponent) {
    if (exponent < 0) {
        if (base == 1) return 1;
        if (base == static_cast<Number>(-1)) return exponent % 2 ? base : 1;
        return 0;
    }
    Number result = 1;
    for (; exponent; exponent /= 2, base = wrapping(base, base, std::multiplies<>()))
        if (exponent % 2) result = wrapping(result, base, std::multiplies<>());
    return result;
}

void power(BoxContext& c) {
    const DType exponent_type = c.inputs[1].data.dtype();
    visit_wide(c.output.dtype(), [&]<class Number>() {
        if constexpr (std::is_floating_point_v<Number>) {
            zip<double>(c, [](double x, double y) { return std::pow(x, y); });
        } else if (base::is_integer(exponent_type)) {
            zip<Number>(c, [](Number x, Number y) { return integer_power(x, static_cast<std::int64_t>(y)); });
        } else {
            const Tensor x = broadcast_to(c.inputs[0], c.box).cast(DType::f64),
                         y = broadcast_to(c.inputs[1], c.box).cast(DType::f64);
            Tensor z(dtype_of<Number>(), c.box.size);
            for (std::size_t i = 0; i < z.as<Number>().size(); ++i)
                z.as<Number>()[i] = from_double<Number>(std::pow(x.as<double>()[i], y.as<double>()[i]));
            c.output = z.cast(c.output.dtype());
        }
    });
}

void infer_prelu(InferContext& c) {
    infer_binary(c);
    if (c.dims(0) && c.dims(1))
        c.require(c.dims(1)->size() <= c.dims(0)->size(), "the slope has more axes than the input");
    const auto x = ir::known_shape(c.dims(0)), y = ir::known_shape(c.outputs()[0].dims);
    if (x && y)
        c.require(*x == *y, "expected a slope that broadcasts to the input " + ir::to_string(c.dims(0)) + ", found " +
                                ir::to_string(c.dims(1)));
    c.outputs()[0].dims = c.dims(0);
}

void prelu(BoxContext& c) {
    zip_number(
        c, []<class Number>(Number x, Number slope) { return x < 0 ? wrapping(x, slope, std::multiplies<>()) : x; });
}

void infer_swiglu(InferContext& c) {
    expect_types(c, 0, Types::real);
    expect_same_type(c, 0, 1);
    const auto a = ir::known_shape(c.dims(0)), b = ir::known_shape(c.dims(1));
    c.require(!a || !b || a == b, "expected inputs of the same shape, found " + ir::to_string(c.dims(0)) + " and " +
                                      ir::to_string(c.dims(1)));
    c.set_output(0, c.dtype(0), a || !b ? c.dims(0) : c.dims(1));
}

void swiglu(BoxContext& c) {
    const double alpha = c.number("alpha", 1);
    zip<double>(c, [=](double gate, double value) { return gate / (1 + std::exp(-alpha * gate)) * value; });
}

constexpr Op binary(std::string_view name, void (*infer)(InferContext&), void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .inputs = {2, 2},
            .infer = infer,
            .evaluate_box = evaluate_box,
            .required_input = broadcast_box,
            .elementwise = true};
}

const Op kOperators[] = {
    binary("Add", infer_arithmetic<add_elements>, add),
    binary("Div", infer_arithmetic<divide_elements>, divide),
    binary("Mul", infer_arithmetic<multiply_elements>, multiply),
    binary("PRelu", infer_prelu, prelu),
    binary("Pow", infer_power, power),
    binary("Sub", infer_arithmetic<subtract_elements>, subtract),
    {.name = "Mod",
     .inputs = {2, 2},
     .attributes = {{"fmod", AttributeKind::integer}},
     .infer = infer_modulo,
     .evaluate_box = modulo,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "SwiGLU",
     .inputs = {2, 2},
     .attributes = {{"alpha", AttributeKind::number}},
     .infer = infer_swiglu,
     .evaluate_box = swiglu,
     .required_input = broadcast_box,
     .elementwise = true},
};

}  // namespace

std::span<const Op> arithmetic_operators() { return kOperators; }

}  // namespace fovea::ops
