#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "base/parallel.hpp"

namespace fovea::bench {

/// Zeroed memory aligned to 64 bytes.
struct Memory {
    explicit Memory(std::size_t bytes) : data(std::aligned_alloc(64, (bytes + 127) / 64 * 64), &std::free) {
        std::memset(data.get(), 0, (bytes + 127) / 64 * 64);
    }
    [[nodiscard]] float* floats() const { return static_cast<float*>(data.get()); }
    std::unique_ptr<void, void (*)(void*)> data;
};

inline double seconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Runs `own` and `library` in turns, so that a change of the machine's speed meets both. Counters: the least time of
/// each in ms, library over own, and own's GFLOP/s and GB/s. The least time is what other processes disturb least.
inline void compare(benchmark::State& state, const std::function<void()>& own, const std::function<void()>& library,
                    double flops, double bytes) {
    std::vector<double> own_times, library_times;
    own(), library();
    for (auto _ : state) {
        own_times.push_back(seconds(own));
        library_times.push_back(seconds(library));
        state.SetIterationTime(own_times.back());
    }
    const double mine = *std::min_element(own_times.begin(), own_times.end());
    const double theirs = *std::min_element(library_times.begin(), library_times.end());
    state.counters["own_ms"] = mine * 1e3;
    state.counters["library_ms"] = theirs * 1e3;
    state.counters["ratio"] = theirs / mine;
    state.counters["gflops"] = flops / mine * 1e-9;
    state.counters["gbs"] = bytes / mine * 1e-9;
}

}  // namespace fovea::bench
