#pragma once

#include <chrono>
#include <functional>
#include <vector>

namespace fovea::cli {

using Clock = std::chrono::steady_clock;

/// How long and how often something is timed.
struct Schedule {
    double warm_up_seconds = 0.5;  ///< at least three runs, whatever this says
    double seconds = 3;            ///< of measuring
    int least = 10;                ///< runs, even where they take longer
    int runs = 0;                  ///< exactly so many instead; 0: as `seconds` says
};

/// Order statistics of times in microseconds.
struct Latency {
    std::size_t runs = 0;
    double mean = 0, median = 0, p90 = 0, p99 = 0, least = 0, most = 0;
    double median_low = 0, median_high = 0;  ///< the median lies between with 95 % confidence
    double spread = 0;                       ///< between the quartiles, as a share of the median
    double drift = 0;                        ///< how much slower the second half of the runs was than the first
};
/// Of times in the order in which they were measured.
Latency summarise(std::vector<double> microseconds);

/// Microseconds that `body` takes.
double time_once(const std::function<void()>& body);

void warm_up(const std::function<void()>& body, const Schedule& schedule);

/// Times of repeated calls.
std::vector<double> measure(const std::function<void()>& body, const Schedule& schedule);

/// `count` threads, each with its own body from `make`, all measuring at once after all have warmed up. What one thread
/// throws is thrown here.
struct Concurrent {
    std::vector<double> microseconds;  ///< of all threads
    double per_second = 0;             ///< calls finished per second, all threads together
};
Concurrent measure_concurrently(int count, const std::function<std::function<void()>()>& make,
                                const Schedule& schedule);

}  // namespace fovea::cli
