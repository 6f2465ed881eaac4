#include "backend/cuda/kernel_cache.hpp"

#include <cstdlib>
#include <filesystem>
#include <span>

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

std::string cache_key(const std::string& text) {
    char key[40];
    std::snprintf(key, sizeof key, "%016llx%016llx", static_cast<unsigned long long>(base::hash_text(text)),
                  static_cast<unsigned long long>(base::hash_text(text, 1)));
    return key;
}

std::vector<char> read_cached(const std::string& name) {
    const std::filesystem::path folder = cache_folder(), path = folder / name;
    std::error_code error;
    if (folder.empty() || !std::filesystem::exists(path, error)) return {};
    const base::MappedFile file = base::map_file(path);
    const auto* begin = reinterpret_cast<const char*>(file.bytes.data());
    return {begin, begin + file.bytes.size()};
}

void write_cached(const std::string& name, const std::vector<char>& content) {
    const std::filesystem::path folder = cache_folder();
    if (folder.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return;
    try {
        base::write_file(folder / name, std::as_bytes(std::span(content)));
    } catch (const Error&) {  // a full or read-only disk
    }
}

}  // namespace fovea::backend::cuda
