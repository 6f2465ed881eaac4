#pragma once

#include <string>

#include "base/tensor.hpp"
#include "fovea/error.hpp"

namespace fovea::base {

/// Hands a C++ element type to a generic lambda: `visit(type, [&]<class T>() { ... })`.
/// Throws `unsupported` for `undefined`.
template <class Function>
decltype(auto) visit(DType type, Function&& function) {
    switch (type) {
        case DType::f32: return function.template operator()<float>();
        case DType::f64: return function.template operator()<double>();
        case DType::f16: return function.template operator()<Half>();
        case DType::bf16: return function.template operator()<BFloat16>();
        case DType::i8: return function.template operator()<std::int8_t>();
        case DType::u8: return function.template operator()<std::uint8_t>();
        case DType::i16: return function.template operator()<std::int16_t>();
        case DType::u16: return function.template operator()<std::uint16_t>();
        case DType::i32: return function.template operator()<std::int32_t>();
        case DType::u32: return function.template operator()<std::uint32_t>();
        case DType::i64: return function.template operator()<std::int64_t>();
        case DType::u64: return function.template operator()<std::uint64_t>();
        case DType::boolean: return function.template operator()<bool>();
        case DType::f8e4m3fn: return function.template operator()<Float8E4M3FN>();
        case DType::f8e4m3fnuz: return function.template operator()<Float8E4M3FNUZ>();
        case DType::f8e5m2: return function.template operator()<Float8E5M2>();
        case DType::f8e5m2fnuz: return function.template operator()<Float8E5M2FNUZ>();
        case DType::f8e8m0: return function.template operator()<Float8E8M0>();
        case DType::f4e2m1: return function.template operator()<Float4E2M1>();
        case DType::i4: return function.template operator()<Int4>();
        case DType::u4: return function.template operator()<UInt4>();
        case DType::i2: return function.template operator()<Int2>();
        case DType::u2: return function.template operator()<UInt2>();
        case DType::undefined: break;
    }
    throw Error(ErrorCode::unsupported, "no element type is known for this tensor");
}

/// The type that arithmetic on stored elements of `T` is done in: float for the small floating-point types, int for the
/// narrow integers, `T` itself otherwise.
template <class T>
struct Arithmetic {
    using type = T;
};
template <DType kType, class Bits>
struct Arithmetic<Storage<kType, Bits>> {
    using type = float;
};
template <DType kType, class Byte, int kLow, int kHigh>
struct Arithmetic<NarrowInt<kType, Byte, kLow, kHigh>> {
    using type = int;
};
template <class T>
using arithmetic_t = typename Arithmetic<T>::type;

template <class T>
constexpr bool is_floating = std::is_floating_point_v<arithmetic_t<T>>;

/// Whether `type` holds real numbers (any width).
bool is_float(DType type);
/// Whether `type` holds integers (any width, bool excluded).
bool is_integer(DType type);

}  // namespace fovea::base
