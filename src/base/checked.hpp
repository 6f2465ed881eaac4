#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "fovea/error.hpp"

namespace fovea::base {

/// a · b; throws `out_of_range` on signed overflow.
inline std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
    std::int64_t result;
    if (__builtin_mul_overflow(a, b, &result)) throw Error(ErrorCode::out_of_range, "a size exceeds 64 bits");
    return result;
}

/// a + b; throws `out_of_range` on signed overflow.
inline std::int64_t checked_add(std::int64_t a, std::int64_t b) {
    std::int64_t result;
    if (__builtin_add_overflow(a, b, &result)) throw Error(ErrorCode::out_of_range, "a size exceeds 64 bits");
    return result;
}

/// ⌈a / b⌉ for a ≥ 0, b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// `a` rounded up to a multiple of `b`, for a ≥ 0, b > 0.
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// The same for sizes of memory.
template <std::unsigned_integral Size>
constexpr Size round_up(Size a, std::type_identity_t<Size> b) {
    return (a + b - 1) / b * b;
}

}  // namespace fovea::base
