#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "backend/backend.hpp"

namespace fovea::tune {

/// Measured times by kernel, shapes, types, tactic, machine and number of threads. Safe for many threads.
class TimingCache {
  public:
    [[nodiscard]] std::optional<double> find(const std::string& key) const;
    void insert(const std::string& key, double microseconds);
    /// Adds the entries of a file; a missing file adds none, a broken one throws `io`.
    void load(const std::filesystem::path& path);
    /// Writes all entries, together with those that the file gained meanwhile.
    void save(const std::filesystem::path& path) const;
    [[nodiscard]] std::size_t size() const;

  private:
    mutable std::mutex mutex_;
    std::map<std::string, double> entries_;
};

struct TuneOptions {
    int most_runs = 7;          ///< timed runs of one candidate
    double enough_us = 20'000;  ///< stop repeating once this much time was spent on a candidate
    double hopeless = 2.5;      ///< give a candidate up when its first run is this many times the best median
};

/// Text that is equal for regions that do the same work: operators, attributes, shapes, types, which inputs are
/// constant.
std::string region_key(const backend::RegionContext& context);

/// Times candidates on buffers of random numbers.
class Tuner {
  public:
    Tuner(const backend::Backend& backend, TimingCache& cache, TuneOptions options = {})
        : backend_(&backend), cache_(&cache), options_(options) {}

    /// Median time of one tactic in microseconds, from the cache where it is known. `best_us` is the best time so far
    /// of the same region (0: none).
    double time(const backend::RegionContext& context, const backend::Tactic& tactic, double best_us = 0);
    [[nodiscard]] int measured() const { return measured_; }

  private:
    double measure(const backend::RegionContext& context, const backend::Tactic& tactic, double best_us);

    const backend::Backend* backend_;
    TimingCache* cache_;
    TuneOptions options_;
    int measured_ = 0;
};

}  // namespace fovea::tune
