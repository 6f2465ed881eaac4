#include "precision/weights.hpp"

#include <algorithm>
#include <cmath>

#include "base/float_types.hpp"
#include "base/parallel.hpp"

namespace fovea::precision {
namespace {

/// A weight that may be rounded to the other side.
struct Candidate {
    std::int64_t offset;
    std::uint16_t other;  ///< its encoding there
    float step;           ///< what the sum of errors changes by
    float price;          ///< how much larger the weight's own error becomes

    bool operator<(const Candidate& more) const { return price * more.step > more.price * step; }  // cheapest on top
};

/// Weights whose own error is less than this share of a step are not worth moving.
constexpr float kNearMiddle = 0.25f;
/// The share of the sum of errors that may stay.
constexpr double kRest = 0.05;

/// The next encoding towards minus infinity, or plus infinity, of a number other than 0.
std::uint16_t neighbour(std::uint16_t bits, bool down) {
    const bool negative = bits & 0x8000;
    return static_cast<std::uint16_t>(down == negative ? bits + 1 : bits - 1);
}

/// `rounded` holds what `bits` encode.
void balance(const float* exact, const float* rounded, std::uint16_t* bits, DType type, WeightLines lines) {
    double sum = 0;
    for (std::int64_t i = 0; i < lines.length; ++i)
        sum += static_cast<double>(rounded[i * lines.step] - exact[i * lines.step]);
    if (!std::isfinite(sum)) return;
    const bool down = sum > 0;
    std::vector<Candidate> candidates;
    for (std::int64_t i = 0; i < lines.length; ++i) {
        const std::int64_t at = i * lines.step;
        const float error = rounded[at] - exact[at];
        if (rounded[at] == 0 || (down ? error <= 0 : error >= 0)) continue;
        const std::uint16_t other = neighbour(bits[at], down);
        const float step = std::fabs(base::decode_float(other, type) - rounded[at]);
        if (std::fabs(error) >= kNearMiddle * step)
            candidates.push_back({at, other, step, step - 2 * std::fabs(error)});
    }
    std::make_heap(candidates.begin(), candidates.end());
    double left = std::fabs(sum);
    for (const double enough = kRest * left; left > enough && !candidates.empty(); candidates.pop_back()) {
        std::pop_heap(candidates.begin(), candidates.end());
        const Candidate& best = candidates.back();
        if (best.price >= 2 * left - best.step) continue;
        bits[best.offset] = best.other;
        left = std::fabs(left - best.step);
    }
}

}  // namespace

WeightLines weight_lines(const ir::Node& node, std::size_t i, const Shape& shape) {
    if (i != 1 || shape.size() < 2) return {0, 0};
    const std::int64_t rows = shape[shape.size() - 2], columns = shape.back();
    if (node.op == "Conv") return {base::element_count(shape) / std::max<std::int64_t>(1, shape[0]), 1};
    if (node.op == "MatMul") return {rows, columns};
    if (node.op == "Gemm")
        return node.get<std::int64_t>("transB", 0) ? WeightLines{columns, 1} : WeightLines{rows, columns};
    return {0, 0};
}

Tensor round_weights(const Tensor& weights, DType type, WeightLines lines) {
    Tensor result = weights.cast(type);
    const std::int64_t block = lines.length * lines.step;
    if (block == 0) return result;
    const Tensor wide = result.cast(DType::f32);
    const float* exact = weights.as<float>().data();
    const float* rounded = wide.as<float>().data();
    auto* bits = reinterpret_cast<std::uint16_t*>(result.raw());
    base::parallel_for(weights.size() / lines.length, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t line = begin; line < end; ++line) {
            const std::int64_t start = line / lines.step * block + line % lines.step;
            balance(exact + start, rounded + start, bits + start, type, lines);
        }
    });
    return result;
}

}  // namespace fovea::precision
