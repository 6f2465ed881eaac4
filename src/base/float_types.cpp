#include "base/float_types.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace fovea::base {
namespace {

/// Shape of a small floating-point format. `no_infinity` formats spend the top exponent on numbers; `fnuz` formats
/// have one NaN, at the encoding of negative zero.
struct Format {
    int exponent_bits, mantissa_bits, bias;
    bool infinity, fnuz, nan;
};

constexpr Format format_of(DType type) {
    switch (type) {
        case DType::f8e4m3fn: return {4, 3, 7, false, false, true};
        case DType::f8e4m3fnuz: return {4, 3, 8, false, true, true};
        case DType::f8e5m2: return {5, 2, 15, true, false, true};
        case DType::f8e5m2fnuz: return {5, 2, 16, false, true, true};
        default: return {2, 1, 1, false, false, false};  // f4e2m1
    }
}

std::uint16_t nan_bits(const Format& f, std::uint16_t sign) {
    const int magnitude_bits = f.exponent_bits + f.mantissa_bits;
    if (f.fnuz) return static_cast<std::uint16_t>(1u << magnitude_bits);
    if (f.infinity)
        return static_cast<std::uint16_t>(sign | (((1u << f.exponent_bits) - 1) << f.mantissa_bits) |
                                          (1u << (f.mantissa_bits - 1)));
    return static_cast<std::uint16_t>(sign | ((1u << magnitude_bits) - 1));
}

std::uint16_t largest_bits(const Format& f) {
    const unsigned all = (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
    if (f.infinity) return static_cast<std::uint16_t>((((1u << f.exponent_bits) - 1) << f.mantissa_bits) - 1);
    return static_cast<std::uint16_t>(f.fnuz || !f.nan ? all : all - 1);
}

std::uint16_t encode_generic(float value, const Format& f, bool saturate) {
    const bool negative = std::signbit(value);
    const auto sign = static_cast<std::uint16_t>(negative ? 1u << (f.exponent_bits + f.mantissa_bits) : 0u);
    const std::uint16_t largest = largest_bits(f);
    if (std::isnan(value)) return f.nan ? nan_bits(f, sign) : sign;
    const auto overflow = [&]() -> std::uint16_t {
        if (saturate || !f.nan) return sign | largest;
        return f.infinity ? static_cast<std::uint16_t>(sign | (largest + 1)) : nan_bits(f, sign);
    };
    if (std::isinf(value)) return overflow();
    const float magnitude = std::fabs(value);
    if (magnitude == 0) return f.fnuz ? 0 : sign;
    int exponent = std::max(std::ilogb(magnitude), 1 - f.bias);
    const float scaled = std::ldexp(magnitude, f.mantissa_bits - exponent);
    auto mantissa = static_cast<std::uint32_t>(std::nearbyint(scaled));
    if (mantissa >> (f.mantissa_bits + 1)) {
        mantissa >>= 1;
        ++exponent;
    }
    const bool normal = mantissa >> f.mantissa_bits;
    if (!normal && mantissa == 0) return f.fnuz ? 0 : sign;
    const std::uint32_t bits = normal ? (static_cast<std::uint32_t>(exponent + f.bias) << f.mantissa_bits) +
                                            (mantissa - (1u << f.mantissa_bits))
                                      : mantissa;
    if (bits > largest) return overflow();
    return static_cast<std::uint16_t>(sign | bits);
}

float decode_generic(std::uint16_t bits, const Format& f) {
    const std::uint32_t sign_bit = 1u << (f.exponent_bits + f.mantissa_bits);
    const bool negative = bits & sign_bit;
    const std::uint32_t magnitude = bits & (sign_bit - 1);
    if (f.fnuz && negative && magnitude == 0) return std::numeric_limits<float>::quiet_NaN();
    if (f.nan && !f.fnuz && magnitude > largest_bits(f)) {
        if (f.infinity && magnitude == static_cast<std::uint32_t>(largest_bits(f)) + 1)
            return negative ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
        return std::numeric_limits<float>::quiet_NaN();
    }
    const auto exponent = static_cast<int>(magnitude >> f.mantissa_bits);
    const std::uint32_t fraction = magnitude & ((1u << f.mantissa_bits) - 1);
    const float result = exponent == 0 ? std::ldexp(static_cast<float>(fraction), 1 - f.bias - f.mantissa_bits)
                                       : std::ldexp(static_cast<float>(fraction + (1u << f.mantissa_bits)),
                                                    exponent - f.bias - f.mantissa_bits);
    return negative ? -result : result;
}

std::uint16_t encode_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
    return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

std::uint16_t encode_f16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value), magnitude = bits & 0x7FFFFFFF;
    const std::uint32_t sign = (bits & 0x80000000) >> 16;
    if (magnitude > 0x7F800000) return static_cast<std::uint16_t>(sign | 0x7E00);
    if (magnitude >= std::bit_cast<std::uint32_t>(65520.0f)) return static_cast<std::uint16_t>(sign | 0x7C00);
    if (magnitude < std::bit_cast<std::uint32_t>(0x1p-14f)) {
        // The last bit of a number in [0.5, 1) is the smallest f16.
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) & 0x7FF));
    }
    const std::uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return static_cast<std::uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

float decode_f16(std::uint16_t bits) {
    const std::uint32_t magnitude = (bits & 0x7FFFu) << 13, sign = (bits & 0x8000u) << 16;
    const std::uint32_t wide = magnitude >= 0x0F800000
                                   ? magnitude | 0x7F800000
                                   : std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
    return std::bit_cast<float>(wide | sign);
}

/// Powers of two from 2^-127 (0) to 2^127 (254); 255 is NaN. Rounds half up in the exponent, as OCP MX does.
std::uint16_t encode_e8m0(float value, bool saturate) {
    if (std::isnan(value)) return 255;
    if (std::isinf(value)) return saturate ? 254 : 255;
    const auto bits = std::bit_cast<std::uint32_t>(std::fabs(value));
    const std::uint32_t exponent = (bits >> 23) + ((bits >> 22) & 1);
    return static_cast<std::uint16_t>(exponent > 254 ? (saturate ? 254 : 255) : exponent);
}

}  // namespace

std::uint16_t encode_float(float value, DType type, bool saturate) {
    if (type == DType::bf16) return encode_bf16(value);
    if (type == DType::f16) return encode_f16(value);
    if (type == DType::f8e8m0) return encode_e8m0(value, saturate);
    return encode_generic(value, format_of(type), saturate);
}

float decode_float(std::uint16_t bits, DType type) {
    if (type == DType::bf16) return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    if (type == DType::f16) return decode_f16(bits);
    if (type == DType::f8e8m0)
        return bits == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0f, static_cast<int>(bits) - 127);
    return decode_generic(bits, format_of(type));
}

}  // namespace fovea::base
