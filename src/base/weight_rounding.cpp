#include "base/weight_rounding.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "base/float_types.hpp"
#include "base/parallel.hpp"

namespace fovea::base {
namespace {

/// How a type encodes numbers: the next one away from zero is `kNext` further.
struct HalfCode {
    using Bits = std::uint16_t;
    static constexpr Bits kNext = 1;
    DType type;
    [[nodiscard]] float decode(Bits bits) const { return decode_float(bits, type); }
    /// Distance of neighbours from 1 on.
    [[nodiscard]] float step() const { return type == DType::bf16 ? 0x1p-7f : 0x1p-10f; }
};
/// TF32: an f32 whose lower bits are zero.
struct Tf32Code {
    using Bits = std::uint32_t;
    static constexpr Bits kNext = 1u << 13;
    [[nodiscard]] static float decode(Bits bits) { return std::bit_cast<float>(bits); }
    [[nodiscard]] static float step() { return 0x1p-10f; }
    /// The nearest; ties away from zero.
    [[nodiscard]] static Bits encode(float x) {
        const auto bits = std::bit_cast<std::uint32_t>(x);
        return (bits + (std::isfinite(x) ? kNext / 2 : 0u)) & ~(kNext - 1);
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

/// Weights whose own error is less than this share of a step are moved last; less than this one, never.
constexpr float kVeryNearMiddle = 0.45f, kNearMiddle = 0.25f;
/// The share of the sum of errors that may stay.
constexpr double kRest = 0.05;

/// One line of weights.
template <class Code>
struct Line {
    const Code& code;
    const float *exact, *rounded;  ///< `rounded` is what `bits` encode
    typename Code::Bits* bits;
    WeightLines lines;

    /// The weights that may be rounded down, or up, whose own errors are `share` of a step or more.
    [[nodiscard]] std::vector<Candidate<typename Code::Bits>> candidates(bool down, float share) const {
        using Bits = typename Code::Bits;
        std::vector<Candidate<Bits>> found;
        const float sign = down ? 1.0f : -1.0f, least = share * code.step();
        for (std::int64_t i = 0; i < lines.length; ++i) {
            const std::int64_t at = i * lines.step;
            const float value = rounded[at], error = sign * (value - exact[at]);
            const float power = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0x7f800000u);
            if (!(error >= least * power) || value == 0) continue;
            const auto other = static_cast<Bits>(down == (value < 0) ? bits[at] + Code::kNext : bits[at] - Code::kNext);
            const float step = std::fabs(code.decode(other) - value);
            if (error >= share * step) found.push_back({at, other, step, step - 2 * error});
        }
        return found;
    }

    /// Moves some of the encodings, which are the nearest ones, so that the errors nearly cancel.
    void balance() {
        double sum = 0;
        for (std::int64_t i = 0; i < lines.length; ++i)
            sum += static_cast<double>(rounded[i * lines.step] - exact[i * lines.step]);
        if (!std::isfinite(sum)) return;
        double left = std::fabs(sum), reach = 0;
        auto list = candidates(sum > 0, kVeryNearMiddle);
        for (const auto& one : list) reach += static_cast<double>(one.step);
        if (reach < left) list = candidates(sum > 0, kNearMiddle);
        std::make_heap(list.begin(), list.end());
        for (const double enough = kRest * left; left > enough && !list.empty(); list.pop_back()) {
            std::pop_heap(list.begin(), list.end());
            const auto& best = list.back();
            if (best.price >= 2 * left - best.step) continue;
            bits[best.offset] = best.other;
            left = std::fabs(left - best.step);
        }
    }
};

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
    if (lines.length == 0) return result;
    const Tensor wide = result.cast(DType::f32);
    const float *exact = weights.as<float>().data(), *rounded = wide.as<float>().data();
    auto* bits = reinterpret_cast<std::uint16_t*>(result.raw());
    const HalfCode code{type};
    for_each_line(weights, lines, [&](std::int64_t start) {
        Line<HalfCode>{code, exact + start, rounded + start, bits + start, lines}.balance();
    });
    return result;
}

Tensor round_weights_to_tf32(const Tensor& weights, WeightLines lines) {
    Tensor nearest(DType::f32, weights.shape());
    const std::span<const float> exact = weights.as<float>();
    const std::span<float> rounded = nearest.as<float>();
    parallel_for(weights.size(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
            rounded[i] = std::bit_cast<float>(Tf32Code::encode(exact[i]));
    });
    Tensor result = nearest.clone();
    auto* bits = reinterpret_cast<std::uint32_t*>(result.raw());
    const Tf32Code code;
    for_each_line(weights, lines, [&](std::int64_t start) {
        Line<Tf32Code>{code, exact.data() + start, rounded.data() + start, bits + start, lines}.balance();
    });
    return result;
}

}  // namespace fovea::base
