#include "backend/cuda/kernel_cache.hpp"

#include <cstdlib>
#include <filesystem>

#include "base/file.hpp"
#include "base/hash.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

std::filesystem::path cache_folder() {
    if (const char* folder = std::getenv("FOVEA_CUDA_CACHE")) return folder;
    if (const char* folder = std::getenv("XDG_CACHE_HOME")) return std::filesystem::path(folder) / "fovea" / "cuda";
    if (const char* home = std::getenv("HOME")) return std::filesystem::path(home) / ".cache" / "fovea" / "cuda";
    return {};
}

}  // namespace

// A file holds a key of its content, so that a damaged one counts for nothing, and the content.

std::string cache_key(std::string_view text) {
    char key[40];
    std::snprintf(key, sizeof key, "%016llx%016llx", static_cast<unsigned long long>(base::hash_text(text)),
                  static_cast<unsigned long long>(base::hash_text(text, 1)));
    return key;
}

std::vector<char> read_cached(const std::string& name) try {
    const std::filesystem::path folder = cache_folder(), path = folder / name;
    std::error_code error;
    if (folder.empty() || !std::filesystem::exists(path, error)) return {};
    const base::MappedFile file = base::map_file(path);
    const std::string_view all(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
    const std::size_t length = cache_key({}).size();
    if (all.size() <= length) return {};
    const std::string_view key = all.substr(0, length), content = all.substr(length);
    if (cache_key(content) != key) return {};
    return {content.begin(), content.end()};
} catch (const Error&) {  // another user's, say
    return {};
}

void write_cached(const std::string& name, const std::vector<char>& content) {
    const std::filesystem::path folder = cache_folder();
    if (folder.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return;
    const std::string all = cache_key({content.data(), content.size()}) + std::string(content.begin(), content.end());
    try {
        base::write_text(folder / name, all);
    } catch (const Error&) {  // a full or read-only disk
    }
}

}  // namespace fovea::backend::cuda
