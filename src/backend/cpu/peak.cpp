#include "backend/cpu/peak.hpp"

#include <omp.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "backend/backend.hpp"
#include "backend/cpu/peak_loops.hpp"

namespace fovea::backend::cpu {
namespace {

constexpr int kRounds = 7;
constexpr double kRoundSeconds = 4e-3;

/// Processor time of the calling thread: unlike the clock, it stands still while another process has the core.
double thread_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Calls of `body(thread)` per second, all threads together; the best round of each thread counts.
template <class Body>
double calls_per_second(int threads, int rounds, const Body& body) {
    double total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
    {
        double best = 1e30;
        for (int round = 0; round < rounds; ++round) {
#pragma omp barrier
            const double start = thread_seconds();
            body(omp_get_thread_num());
            best = std::min(best, thread_seconds() - start);
        }
        total += 1 / std::max(best, 1e-9);
    }
    return total;
}

/// Repetitions that take about a round.
std::int64_t repetitions(const PeakLoop& loop) {
    for (std::int64_t count = 1024;; count *= 4) {
        const double start = thread_seconds();
        loop.run(count);
        const double seconds = thread_seconds() - start;
        if (seconds > kRoundSeconds / 8)
            return static_cast<std::int64_t>(static_cast<double>(count) * kRoundSeconds / seconds) + 1;
    }
}

Bandwidth copy_speed(int threads, std::size_t bytes) {
    const std::size_t half = bytes / 2, part = half / static_cast<std::size_t>(threads);
    const auto source = PackedConstants::allocate(half), target = PackedConstants::allocate(half);
    const auto copy = [&](int thread) {
        std::memcpy(target.get() + static_cast<std::size_t>(thread) * part,
                    source.get() + static_cast<std::size_t>(thread) * part, part);
    };
    calls_per_second(threads, 1, [&](int thread) {
        std::memset(source.get() + static_cast<std::size_t>(thread) * part, 1, part);
        copy(thread);
    });
    const auto count = static_cast<int>(std::clamp<std::size_t>((std::size_t{64} << 20) / bytes, 1, 256));
    const double rate = calls_per_second(threads, 5, [&](int thread) {
        for (int i = 0; i < count; ++i) copy(thread);
    });
    return {bytes, 2.0 * static_cast<double>(part) * count * rate};
}

}  // namespace

std::vector<Peak> measure_peaks(int threads) {
    std::vector<Peak> peaks;
    for (const PeakLoop& loop : peak_loops()) {
        const std::int64_t count = repetitions(loop);
        const double rate = loop.operations * static_cast<double>(count) *
                            calls_per_second(threads, kRounds, [&](int) { loop.run(count); });
        const auto known =
            std::find_if(peaks.begin(), peaks.end(), [&](const Peak& peak) { return peak.type == loop.type; });
        if (known == peaks.end())
            peaks.push_back({loop.type, rate});
        else
            known->operations_per_second = std::max(known->operations_per_second, rate);
    }
    return peaks;
}

std::vector<Bandwidth> measure_bandwidth(int threads) {
    const auto many = static_cast<std::size_t>(threads);
    std::vector<Bandwidth> result;
    for (const std::size_t bytes : {(std::size_t{512} << 10) * many,
                                    (std::size_t{2} << 20) * many + (std::size_t{6} << 20), std::size_t{384} << 20})
        if (result.empty() || bytes > result.back().bytes) result.push_back(copy_speed(threads, bytes));
    return result;
}

}  // namespace fovea::backend::cpu
