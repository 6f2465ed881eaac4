#include "compiler/e4m3.hpp"

#include <algorithm>
#include <cmath>

#include "base/float_types.hpp"

namespace fovea::compiler {
namespace {

constexpr std::uint16_t kLargestBits = 0x7e;

double number(std::uint16_t magnitude) { return base::decode_float(magnitude, DType::f8e4m3fn); }

}  // namespace

Interval rounding_to(float stored) {
    const std::uint16_t bits = base::encode_float(std::fabs(stored), DType::f8e4m3fn);
    const double value = number(bits);
    const double below = bits == 0 ? -number(1) : number(static_cast<std::uint16_t>(bits - 1));
    const double above = bits == kLargestBits ? INFINITY : number(static_cast<std::uint16_t>(bits + 1));
    const Interval interval{(below + value) / 2, (value + above) / 2};
    return stored < 0 ? Interval{-interval.high, -interval.low} : interval;
}

void add_stored(Comparison& comparison, float stored, double exact) {
    const double expected = std::clamp(exact, -number(kLargestBits), number(kLargestBits));
    if (!std::isfinite(stored) || std::isnan(expected)) return comparison.add(stored, expected);
    const Interval interval = rounding_to(stored);
    comparison.add(std::clamp(expected, interval.low, interval.high), expected);
}

}  // namespace fovea::compiler
