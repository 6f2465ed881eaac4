#include "ops/broadcast.hpp"
#include "ops/content.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

template <Types kTypes>
void infer_same_type(InferContext& c) {
    expect_types(c, 0, kTypes);
    expect_types(c, 1, kTypes);
    expect_same_type(c, 0, 1);
    c.set_output(0, c.dtype(0), broadcast_inputs(c, 0, 1));
}

void infer_compare(InferContext& c) {
    expect_types(c, 0, Types::number_or_bool);
    expect_same_type(c, 0, 1);
    c.set_output(0, DType::boolean, broadcast_inputs(c, 0, 1));
}

void infer_equal(InferContext& c) {
    infer_compare(c);
    infer_content(c, [](std::span<const Element> x) -> Element {
        if (x[0].same(x[1])) return {1, {}};
        if (x[0].number && x[1].number) return {0, {}};
        // A size is never negative.
        const auto below_zero = [](const Element& a) { return a.number && *a.number < 0; };
        if ((below_zero(x[0]) && !x[1].size.empty()) || (below_zero(x[1]) && !x[0].size.empty())) return {0, {}};
        return {};
    });
}

/// `function(a, b)` on elements in the widest type of their kind, giving a bool.
template <class Function>
void compare(BoxContext& c, const Function& function) {
    visit_wide(c.inputs[0].data.dtype(), [&]<class Number>() {
        const Tensor a = broadcast_to(c.inputs[0], c.box).cast(dtype_of<Number>());
        const Tensor b = broadcast_to(c.inputs[1], c.box).cast(dtype_of<Number>());
        const auto left = a.as<Number>(), right = b.as<Number>();
        const auto target = c.output.as<bool>();
        for (std::size_t i = 0; i < target.size(); ++i) target[i] = function(left[i], right[i]);
    });
}

template <class Function>
void compare_with(BoxContext& c) {
    compare(c, Function());
}

struct Both {
    bool operator()(auto a, auto b) const { return a && b; }
};
struct Either {
    bool operator()(auto a, auto b) const { return a || b; }
};

template <class Function>
void bitwise(BoxContext& c) {
    visit_wide(c.output.dtype(), [&]<class Number>() {
        if constexpr (std::is_integral_v<Number>) zip<Number>(c, Function());
    });
}

void bitwise_not(BoxContext& c) {
    visit_wide(c.output.dtype(), [&]<class Number>() {
        if constexpr (std::is_integral_v<Number>) map<Number>(c, std::bit_not<>());
    });
}

void logical_not(BoxContext& c) { map<std::uint64_t>(c, std::logical_not<>()); }

bool shifts_right(const NodeView& node) {
    const std::string direction = node.text("direction", "");
    node.require(direction == "LEFT" || direction == "RIGHT",
                 "attribute \"direction\": expected \"LEFT\" or \"RIGHT\", found \"" + direction + "\"");
    return direction == "RIGHT";
}

void infer_bit_shift(InferContext& c) {
    shifts_right(c);
    infer_same_type<Types::integer>(c);
}

void bit_shift(BoxContext& c) {
    const auto bits = static_cast<std::int64_t>(8 * element_bytes(c.output.dtype()));
    const bool right = shifts_right(c);
    visit_wide(c.output.dtype(), [&]<class Number>() {
        if constexpr (std::is_integral_v<Number>)
            zip<Number>(c, [=](Number x, Number places) -> Number {
                if (places < 0 || places >= static_cast<Number>(bits))
                    return right && x < 0 ? static_cast<Number>(-1) : 0;
                return right ? x >> places : static_cast<Number>(static_cast<std::uint64_t>(x) << places);
            });
    });
}

constexpr Op binary(std::string_view name, void (*infer)(InferContext&), void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .inputs = {2, 2},
            .infer = infer,
            .evaluate_box = evaluate_box,
            .required_input = broadcast_box,
            .elementwise = true};
}

constexpr Op unary(std::string_view name, void (*infer)(InferContext&), void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .infer = infer,
            .evaluate_box = evaluate_box,
            .required_input = broadcast_box,
            .elementwise = true};
}

const Op kOperators[] = {
    binary("And", infer_same_type<Types::boolean>, compare_with<Both>),
    binary("BitwiseAnd", infer_same_type<Types::integer>, bitwise<std::bit_and<>>),
    binary("BitwiseOr", infer_same_type<Types::integer>, bitwise<std::bit_or<>>),
    binary("BitwiseXor", infer_same_type<Types::integer>, bitwise<std::bit_xor<>>),
    binary("Equal", infer_equal, compare_with<std::equal_to<>>),
    binary("Greater", infer_compare, compare_with<std::greater<>>),
    binary("GreaterOrEqual", infer_compare, compare_with<std::greater_equal<>>),
    binary("Less", infer_compare, compare_with<std::less<>>),
    binary("LessOrEqual", infer_compare, compare_with<std::less_equal<>>),
    binary("Or", infer_same_type<Types::boolean>, compare_with<Either>),
    binary("Xor", infer_same_type<Types::boolean>, compare_with<std::not_equal_to<>>),
    unary("BitwiseNot", infer_unary<Types::integer>, bitwise_not),
    unary("Not", infer_unary<Types::boolean>, logical_not),
    {.name = "BitShift",
     .inputs = {2, 2},
     .attributes = {{"direction", AttributeKind::text, true}},
     .infer = infer_bit_shift,
     .evaluate_box = bit_shift,
     .required_input = broadcast_box,
     .elementwise = true},
};

}  // namespace

std::span<const Op> logic_operators() { return kOperators; }

}  // namespace fovea::ops
