#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "backend/backend.hpp"
#include "base/file.hpp"
#include "tune/timing_cache.hpp"

namespace fovea::tune {

/// How candidates of a region are timed: each until `most_runs` runs or `enough_us`, but `least_runs` times where there
/// is a choice. One that was slow against the fastest in `least_runs` runs or in `enough_us` is given up.
struct TuneOptions {
    int least_runs = 3, most_runs = 7;
    double enough_us = 10'000;        ///< stop repeating once this much time was spent on a candidate
    double long_us = 3'000;           ///< a run that takes this long counts without a warm-up
    double hopeless = 1.5;            ///< slow: its shortest time is this many times the fastest
    std::filesystem::path lock = {};  ///< who names the same file takes turns to time a region; empty: nobody does
};

/// Microseconds of a kernel as it runs again and again, and as it runs behind other work, on a device: its inputs lie
/// in the device's caches, its weights and everything else no longer do. Equal on the host.
struct Times {
    double warm = 0, cold = 0;
    /// What a candidate is judged by: in a network, part of the weights is still in the caches.
    [[nodiscard]] double cost() const { return (warm + cold) / 2; }
};

/// Has the device, or the cores, alone among all that take turns by the same name. Who is next holds the gate, so that
/// one who comes back at once does not overtake it.
class Turn {
  public:
    explicit Turn(const std::filesystem::path& name) {
        if (name.empty()) return;
        const base::FileLock gate(name.string() + ".gate");
        lock_.emplace(name);
    }

  private:
    std::optional<base::FileLock> lock_;
};

/// Memory where a backend's kernels work, and their clock.
class Workbench {
  public:
    explicit Workbench(const backend::Backend& backend);
    [[nodiscard]] std::shared_ptr<std::byte> allocate(std::size_t bytes) const;
    /// Copies from host memory.
    void put(std::byte* memory, const std::byte* content, std::size_t bytes) const;
    /// Microseconds of one run; on a device, where launching takes longer than many a kernel, within a row of runs.
    double time(const backend::Kernel& kernel, backend::KernelArgs args) const;
    /// The same with other data than `kept` in the device's caches.
    double time_cold(const backend::Kernel& kernel, backend::KernelArgs args,
                     const std::vector<std::span<const std::byte>>& kept) const;
    [[nodiscard]] bool on_device() const { return stream_ != nullptr; }

  private:
    const backend::Device* device_;
    std::unique_ptr<backend::Stream> stream_;
};

/// Times candidates on buffers of random numbers.
class Tuner {
  public:
    Tuner(const backend::Backend& backend, TimingCache& cache, TuneOptions options = {})
        : backend_(&backend), cache_(&cache), options_(options), bench_(backend) {}

    /// Median times of every tactic, from the cache where it is known; 0 for an alias, and for a kernel on the host in
    /// a plan for a device; infinity for one that its library refuses after all.
    std::vector<Times> time(const backend::RegionContext& context, const std::vector<backend::Tactic>& tactics);
    /// Those tactics whose time the cache does not hold.
    [[nodiscard]] std::vector<backend::Tactic> unknown(const backend::RegionContext& context,
                                                       const std::vector<backend::Tactic>& tactics) const;

  private:
    /// What the cache holds of a key.
    [[nodiscard]] std::optional<Times> known(const std::string& key) const;
    /// Nothing where the tactic does not exist.
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const;
    /// Memory of at least so many bytes, until the next call.
    std::byte* reserve(std::size_t bytes);

    const backend::Backend* backend_;
    TimingCache* cache_;
    TuneOptions options_;
    Workbench bench_;
    std::shared_ptr<std::byte> memory_;
    std::size_t memory_bytes_ = 0;
};

}  // namespace fovea::tune
