#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "plan/plan.hpp"

namespace fovea::compiler {

/// Results below this differ by what they lose near the smallest numbers that f32 holds.
inline constexpr double kNegligible = 1e-30;

/// Sums over pairs of results, from which error and signal-to-noise follow.
struct Comparison {
    double max_difference = 0, max_value = 0, noise = 0, sum = 0, sum_of_squares = 0;
    std::int64_t count = 0;
    bool finite = true;

    /// A result and what it should be. What is not finite on both sides alike makes `finite` false, and counts for
    /// nothing else.
    void add(double a, double b) {
        if (std::isfinite(a) != std::isfinite(b)) finite = false;
        if (!std::isfinite(a) || !std::isfinite(b)) return;
        max_difference = std::max(max_difference, std::fabs(a - b));
        max_value = std::max(max_value, std::fabs(b));
        noise += (a - b) * (a - b);
        sum += b;
        sum_of_squares += b * b;
        ++count;
    }
    void join(const Comparison& other) {
        max_difference = std::max(max_difference, other.max_difference);
        max_value = std::max(max_value, other.max_value);
        noise += other.noise;
        sum += other.sum;
        sum_of_squares += other.sum_of_squares;
        count += other.count;
        finite = finite && other.finite;
    }
    [[nodiscard]] double signal() const {
        return count ? std::max(0.0, sum_of_squares - sum * sum / static_cast<double>(count)) : 0;
    }
};

/// The largest difference as a part of `scale`; as it is where there is nothing to compare it with.
double relative(const Comparison& comparison, double scale);

/// Signal-to-noise ratio of two sums of squares, 200 at most.
double decibel(double signal, double noise);

/// Error of `a` against `b`: `max_error`, and `snr_db` of what varies: means of channels are removed, along axis 1 or
/// the last one, whichever leaves less (images have the one, sequences the other); the mean of all where every channel
/// has a single value. Of tensors of different shapes, the error is infinite.
plan::Evidence compare(const Tensor& a, const Tensor& b);

}  // namespace fovea::compiler
