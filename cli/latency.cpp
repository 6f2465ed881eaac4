#include "latency.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <exception>
#include <numeric>
#include <thread>

namespace fovea::cli {
namespace {

constexpr int kLeastWarmUp = 3;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Value below which the fraction `q` of the sorted values lies (nearest rank).
double quantile(const std::vector<double>& sorted, double q) {
    const double rank = std::ceil(q * static_cast<double>(sorted.size()));
    const auto index = static_cast<std::size_t>(std::clamp(rank - 1, 0.0, static_cast<double>(sorted.size() - 1)));
    return sorted[index];
}

double middle_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return quantile(values, 0.5);
}

}  // namespace

Latency summarise(std::vector<double> times) {
    Latency latency;
    latency.runs = times.size();
    if (times.empty()) return latency;
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    if (times.size() > 1) latency.drift = middle_of({middle, times.end()}) / middle_of({times.begin(), middle}) - 1;
    std::sort(times.begin(), times.end());
    const auto count = static_cast<double>(times.size());
    latency.mean = std::accumulate(times.begin(), times.end(), 0.0) / count;
    latency.median =
        times.size() % 2 ? times[times.size() / 2] : (times[times.size() / 2 - 1] + times[times.size() / 2]) / 2;
    latency.spread = (quantile(times, 0.75) - quantile(times, 0.25)) / latency.median;
    latency.p90 = quantile(times, 0.90);
    latency.p99 = quantile(times, 0.99);
    latency.least = times.front();
    latency.most = times.back();
    // The number of values below the true median is binomial; its normal approximation gives the ranks.
    const double spread = 0.98 * std::sqrt(count);
    latency.median_low = quantile(times, std::max(0.0, 0.5 - spread / count));
    latency.median_high = quantile(times, std::min(1.0, 0.5 + spread / count));
    return latency;
}

double time_once(const std::function<void()>& body) {
    const auto start = Clock::now();
    body();
    return seconds_since(start) * 1e6;
}

void warm_up(const std::function<void()>& body, const Schedule& schedule) {
    const auto start = Clock::now();
    for (int i = 0; i < kLeastWarmUp || seconds_since(start) < schedule.warm_up_seconds; ++i) body();
}

std::vector<double> measure(const std::function<void()>& body, const Schedule& schedule) {
    std::vector<double> times;
    const auto start = Clock::now();
    const auto enough = [&] {
        const int done = static_cast<int>(times.size());
        return schedule.runs > 0 ? done >= schedule.runs
                                 : done >= schedule.least && seconds_since(start) >= schedule.seconds;
    };
    while (!enough()) times.push_back(time_once(body));
    return times;
}

Concurrent measure_concurrently(int count, const std::function<std::function<void()>()>& make,
                                const Schedule& schedule) {
    std::vector<std::vector<double>> times(static_cast<std::size_t>(count));
    std::vector<std::exception_ptr> failures(times.size());
    std::vector<double> rates(times.size());
    std::atomic<bool> failed = false;
    std::barrier ready(count);
    const auto work = [&](std::size_t i) {
        std::function<void()> body;
        try {
            body = make();
            warm_up(body, schedule);
        } catch (...) {
            failures[i] = std::current_exception();
            failed = true;
        }
        ready.arrive_and_wait();
        if (failed) return;
        try {
            const auto start = Clock::now();
            times[i] = measure(body, schedule);
            rates[i] = static_cast<double>(times[i].size()) / seconds_since(start);
        } catch (...) {
            failures[i] = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < times.size(); ++i) threads.emplace_back(work, i);
    }
    for (const auto& failure : failures)
        if (failure) std::rethrow_exception(failure);
    Concurrent result;
    for (const auto& list : times) result.microseconds.insert(result.microseconds.end(), list.begin(), list.end());
    result.per_second = std::accumulate(rates.begin(), rates.end(), 0.0);
    return result;
}

}  // namespace fovea::cli
