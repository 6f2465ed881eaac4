#include "compiler/comparison.hpp"

#include <span>

#include "base/parallel_sum.hpp"

namespace fovea::compiler {
namespace {

/// Elements that one thread compares at a time.
constexpr std::int64_t kPiece = 1 << 16;

/// Sums of every channel along an axis.
struct Channels {
    std::vector<Comparison> channels;

    void join(const Channels& other) {
        for (std::size_t i = 0; i < channels.size(); ++i) channels[i].join(other.channels[i]);
    }
};

/// Sum of squares once the mean of every channel, along `axis`, is removed.
double varying_power(std::span<const float> values, const Shape& shape, std::size_t axis) {
    std::int64_t inner = 1;
    for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
    const auto sums = base::parallel_sum<Channels>(
        static_cast<std::int64_t>(values.size()) / inner, std::max<std::int64_t>(1, kPiece / inner),
        [&](std::int64_t begin, std::int64_t end) {
            Channels part{std::vector<Comparison>(static_cast<std::size_t>(shape[axis]))};
            for (std::int64_t row = begin; row < end; ++row) {
                Comparison& channel = part.channels[static_cast<std::size_t>(row % shape[axis])];
                for (std::int64_t i = row * inner; i < (row + 1) * inner; ++i) {
                    const double value = values[static_cast<std::size_t>(i)];
                    channel.add(value, value);
                }
            }
            return part;
        });
    double power = 0;
    for (const Comparison& channel : sums.channels) power += channel.signal();
    return power;
}

}  // namespace

double relative(const Comparison& comparison, double scale) {
    if (!comparison.finite) return INFINITY;
    return scale > kNegligible ? comparison.max_difference / scale : comparison.max_difference;
}

double decibel(double signal, double noise) {
    if (noise <= 0) return 200;
    return std::min(200.0, 10 * std::log10(std::max(signal, 1e-300) / noise));
}

plan::Evidence compare(const Tensor& a, const Tensor& b) {
    plan::Evidence evidence{{}, "all elements", 0, 200, 0};
    if (a.shape() != b.shape()) {
        evidence.max_error = INFINITY;
        evidence.snr_db = -200;
        return evidence;
    }
    const Tensor wide_a = a.cast(DType::f32), wide_b = b.cast(DType::f32);
    const std::span<const float> x = wide_a.as<float>(), y = wide_b.as<float>();
    const auto all = base::parallel_sum<Comparison>(
        static_cast<std::int64_t>(x.size()), kPiece, [&](std::int64_t begin, std::int64_t end) {
            Comparison part;
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) part.add(x[i], y[i]);
            return part;
        });
    const Shape& shape = b.shape();
    double signal = all.signal();
    for (const std::size_t axis : {std::size_t{1}, shape.size() - 1})
        if (axis < shape.size() && b.size() > shape[axis]) signal = std::min(signal, varying_power(y, shape, axis));
    evidence.max_error = relative(all, all.max_value);
    evidence.snr_db = decibel(signal, all.noise);
    return evidence;
}

}  // namespace fovea::compiler
