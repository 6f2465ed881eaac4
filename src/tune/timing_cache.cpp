#include "tune/timing_cache.hpp"

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "fovea/error.hpp"

namespace fovea::tune {

std::optional<double> TimingCache::find(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto it = entries_.find(key);
    return it == entries_.end() ? std::nullopt : std::optional(it->second);
}

void TimingCache::insert(const std::string& key, double value) {
    const std::lock_guard lock(mutex_);
    entries_[key] = value;
}

std::size_t TimingCache::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

void TimingCache::load(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return;
    try {
        const auto json = nlohmann::json::parse(base::read_text(path)).get<nlohmann::json::object_t>();
        const std::lock_guard lock(mutex_);
        for (const auto& [key, value] : json) entries_.emplace(key, value.get<double>());
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::io, "the timing cache is no JSON object of numbers; remove the file").in(path.string());
    }
}

void TimingCache::save(const std::filesystem::path& path) const {
    const base::FileLock lock_of_file(path);
    TimingCache merged;
    merged.load(path);
    nlohmann::json json = nlohmann::json::object();
    for (const auto& [key, value] : merged.entries_) json[key] = value;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, value] : entries_) json[key] = value;
    }
    base::write_text(path, json.dump(0));
}

}  // namespace fovea::tune
