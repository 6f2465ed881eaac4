#pragma once

#include <cstdint>

#include "fovea/dtype.hpp"

namespace fovea::base {

/// A storage-only element of `kType`: `bits` holds the encoding, conversions go through `float` (round to nearest
/// even). Overflow follows IEEE 754 for f16, bf16 and f8e5m2 (to infinity) and saturates for the other 8- and 4-bit
/// types, as ONNX's Cast does by default.
template <DType kType, class Bits>
struct Storage {
    Bits bits{};
    Storage() = default;
    explicit Storage(float value);
    explicit operator float() const;
};

using Half = Storage<DType::f16, std::uint16_t>;
using BFloat16 = Storage<DType::bf16, std::uint16_t>;
using Float8E4M3FN = Storage<DType::f8e4m3fn, std::uint8_t>;
using Float8E4M3FNUZ = Storage<DType::f8e4m3fnuz, std::uint8_t>;
using Float8E5M2 = Storage<DType::f8e5m2, std::uint8_t>;
using Float8E5M2FNUZ = Storage<DType::f8e5m2fnuz, std::uint8_t>;
using Float8E8M0 = Storage<DType::f8e8m0, std::uint8_t>;
using Float4E2M1 = Storage<DType::f4e2m1, std::uint8_t>;

/// Signed and unsigned integers of 4 and 2 bits, one per byte.
template <DType kType, class Byte, int kLow, int kHigh>
struct NarrowInt {
    Byte value{};
    NarrowInt() = default;
    explicit NarrowInt(int number) : value(static_cast<Byte>(number < kLow ? kLow : number > kHigh ? kHigh : number)) {}
    operator int() const { return value; }
};

using Int4 = NarrowInt<DType::i4, std::int8_t, -8, 7>;
using UInt4 = NarrowInt<DType::u4, std::uint8_t, 0, 15>;
using Int2 = NarrowInt<DType::i2, std::int8_t, -2, 1>;
using UInt2 = NarrowInt<DType::u2, std::uint8_t, 0, 3>;

/// Encoding of `value` in a floating-point `type` of at most 16 bits. `saturate` applies to the 8-bit types: values out
/// of range become the largest finite one instead of infinity or NaN.
std::uint16_t encode_float(float value, DType type, bool saturate = true);

/// Inverse of `encode_float`.
float decode_float(std::uint16_t bits, DType type);

template <DType kType, class Bits>
Storage<kType, Bits>::Storage(float value) : bits(static_cast<Bits>(encode_float(value, kType))) {}
template <DType kType, class Bits>
Storage<kType, Bits>::operator float() const {
    return decode_float(bits, kType);
}

}  // namespace fovea::base
