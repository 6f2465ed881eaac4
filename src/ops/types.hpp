#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <type_traits>

#include "base/dispatch.hpp"
#include "ops/op.hpp"

namespace fovea::ops {

/// Sets of element types that operators accept.
enum class Types : std::uint8_t {
    real,            ///< f16, bf16, f32, f64
    integer,         ///< i8 … u64
    number,          ///< real or integer
    boolean,         ///< bool
    number_or_bool,  ///< number or bool
    any,             ///< every type
};

/// Whether `type` belongs to `set`; a type that is not known yet belongs to every set.
bool contains(Types set, DType type);

/// Throws unless the type of input `i` (when given) belongs to `set`.
void expect_types(const InferContext& c, std::size_t i, Types set);

/// Throws unless inputs `i` and `j` (when both given) have the same type, as far as the types are known.
void expect_same_type(const InferContext& c, std::size_t i, std::size_t j);

/// Element type named by the integer attribute `key`, which counts as TensorProto.DataType does; `fallback` when the
/// attribute is absent or 0. Throws for numbers that name no type or one that fovea does not hold (strings, complex).
DType type_attribute(const NodeView& node, std::string_view key, DType fallback);

/// Calls `function` with the widest type of the same kind, in which reference kernels compute: double, std::int64_t or
/// std::uint64_t (bool included). Each holds the values of all narrower types exactly.
template <class Function>
decltype(auto) visit_wide(DType type, const Function& function) {
    if (base::is_float(type)) return function.template operator()<double>();
    switch (type) {
        case DType::u8:
        case DType::u16:
        case DType::u32:
        case DType::u64:
        case DType::u4:
        case DType::u2:
        case DType::boolean: return function.template operator()<std::uint64_t>();
        default: return function.template operator()<std::int64_t>();
    }
}

/// Calls `function` on unsigned numbers for integers, where overflow wraps instead of being undefined.
template <class Number, class Function>
Number wrapping(Number a, Number b, const Function& function) {
    if constexpr (std::is_integral_v<Number>)
        return static_cast<Number>(function(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)));
    else
        return function(a, b);
}

/// `value` as `Number`: truncated and clamped to its range where that is integral (NaN gives 0).
template <class Number>
Number from_double(double value) {
    if constexpr (std::is_integral_v<Number>) {
        if (std::isnan(value)) return 0;
        if (value <= static_cast<double>(std::numeric_limits<Number>::lowest()))
            return std::numeric_limits<Number>::lowest();
        if (value >= static_cast<double>(std::numeric_limits<Number>::max())) return std::numeric_limits<Number>::max();
    }
    return static_cast<Number>(value);
}

}  // namespace fovea::ops
