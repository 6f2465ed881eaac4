#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace fovea::tune {

/// Measured times, and what else is known of kernels, as numbers (see `faults.hpp`), by keys of what they depend on
/// (`keys.hpp`). Safe for many threads; its file, for many processes.
class TimingCache {
  public:
    [[nodiscard]] std::optional<double> find(const std::string& key) const;
    void insert(const std::string& key, double value);
    /// Adds the entries of a file; a missing file adds none, a broken one throws `io`.
    void load(const std::filesystem::path& path);
    /// Writes all entries, together with those that the file gained meanwhile: nothing that another process saves at
    /// the same time is lost.
    void save(const std::filesystem::path& path) const;
    [[nodiscard]] std::size_t size() const;

  private:
    mutable std::mutex mutex_;
    std::map<std::string, double> entries_;
};

}  // namespace fovea::tune
