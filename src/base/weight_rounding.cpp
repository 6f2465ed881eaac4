#include "base/weight_rounding.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "base/float_types.hpp"
#include "base/parallel.hpp"

namespace fovea::base {
namespace {

/// How a type encodes numbers: the next number away from zero has the next encoding.
struct HalfCode {
    using Bits = std::uint16_t;
    DType type;
    [[nodiscard]] float decode(Bits bits) const { return decode_float(bits, type); }
};
/// TF32 in the upper bits of an f32, whose lower bits are zero.
struct Tf32Code {
    using Bits = std::uint32_t;
    static constexpr int kDropped = 13;
    [[nodiscard]] float decode(Bits bits) const { return std::bit_cast<float>(bits << kDropped); }
    /// The nearest; ties away from zero, as GPUs round.
    [[nodiscard]] Bits encode(float x) const {
        const auto bits = std::bit_cast<std::uint32_t>(x);
        return (bits + (std::isfinite(x) ? 1u << (kDropped - 1) : 0u)) >> kDropped;
    }
};

/// A weight that may be rounded to the other side.
template <class Bits>
struct Candidate {
    std::int64_t offset;
    Bits other;   ///< its encoding there
    float step;   ///< what the sum of errors changes by
    float price;  ///< how much larger the weight's own error becomes

    bool operator<(const Candidate& more) const { return price * more.step > more.price * step; }  // cheapest on top
};

/// Weights whose own error is less than this share of a step are not worth moving.
constexpr float kNearMiddle = 0.25f;
/// The share of the sum of errors that may stay.
constexpr double kRest = 0.05;

/// Moves some of the encodings in `bits`, which are the nearest ones, so that the errors of a line nearly cancel.
template <class Code>
void balance(const float* exact, typename Code::Bits* bits, const Code& code, WeightLines lines) {
    using Bits = typename Code::Bits;
    double sum = 0;
    for (std::int64_t i = 0; i < lines.length; ++i)
        sum += static_cast<double>(code.decode(bits[i * lines.step]) - exact[i * lines.step]);
    if (!std::isfinite(sum)) return;
    const bool down = sum > 0;
    std::vector<Candidate<Bits>> candidates;
    for (std::int64_t i = 0; i < lines.length; ++i) {
        const std::int64_t at = i * lines.step;
        const float rounded = code.decode(bits[at]), error = rounded - exact[at];
        if (rounded == 0 || (down ? error <= 0 : error >= 0)) continue;
        const auto other = static_cast<Bits>(down == (rounded < 0) ? bits[at] + 1 : bits[at] - 1);
        const float step = std::fabs(code.decode(other) - rounded);
        if (std::fabs(error) >= kNearMiddle * step)
            candidates.push_back({at, other, step, step - 2 * std::fabs(error)});
    }
    std::make_heap(candidates.begin(), candidates.end());
    double left = std::fabs(sum);
    for (const double enough = kRest * left; left > enough && !candidates.empty(); candidates.pop_back()) {
        std::pop_heap(candidates.begin(), candidates.end());
        const Candidate<Bits>& best = candidates.back();
        if (best.price >= 2 * left - best.step) continue;
        bits[best.offset] = best.other;
        left = std::fabs(left - best.step);
    }
}

/// Calls `each` with the offset of every line's first weight.
template <class Each>
void for_each_line(const Tensor& weights, WeightLines lines, const Each& each) {
    const std::int64_t block = lines.length * lines.step;
    if (block == 0) return;
    parallel_for(weights.size() / lines.length, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t line = begin; line < end; ++line) each(line / lines.step * block + line % lines.step);
    });
}

}  // namespace

Tensor round_weights(const Tensor& weights, DType type, WeightLines lines) {
    Tensor result = weights.cast(type);
    const float* exact = weights.as<float>().data();
    auto* bits = reinterpret_cast<std::uint16_t*>(result.raw());
    for_each_line(weights, lines,
                  [&](std::int64_t start) { balance(exact + start, bits + start, HalfCode{type}, lines); });
    return result;
}

Tensor round_weights_to_tf32(const Tensor& weights, WeightLines lines) {
    Tensor result(DType::f32, weights.shape());
    const std::span<const float> exact = weights.as<float>();
    auto* bits = reinterpret_cast<std::uint32_t*>(result.raw());
    const Tf32Code code;
    for (std::size_t i = 0; i < exact.size(); ++i) bits[i] = code.encode(exact[i]);
    for_each_line(weights, lines,
                  [&](std::int64_t start) { balance(exact.data() + start, bits + start, code, lines); });
    for (std::size_t i = 0; i < exact.size(); ++i) bits[i] <<= Tf32Code::kDropped;
    return result;
}

}  // namespace fovea::base
