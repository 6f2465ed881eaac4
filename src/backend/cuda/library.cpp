#include "backend/cuda/library.hpp"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace fovea::backend::cuda {
namespace {

/// Folders to try behind the loader's own: the toolkit named by CUDA_PATH, the usual one, and the Python environment's.
std::vector<std::string> folders() {
    std::vector<std::string> result = {""};
    if (const char* root = std::getenv("CUDA_PATH")) result.push_back(std::string(root) + "/lib64/");
    result.emplace_back("/usr/local/cuda/lib64/");
    std::istringstream wheels(FOVEA_CUDA_WHEELS);
    for (std::string wheel; std::getline(wheels, wheel, ':');) result.push_back(wheel + "/lib/");
    return result;
}

}  // namespace

Library::Library(const char* what, const std::vector<std::string>& files, const std::string& remedy) : what_(what) {
    std::string names;
    for (const std::string& folder : folders())
        for (const std::string& file : files)
            if (!handle_) handle_ = dlopen((folder + file).c_str(), RTLD_NOW | RTLD_LOCAL);
    for (const std::string& file : files) names += (names.empty() ? "" : " or ") + file;
    if (!handle_) throw Error(ErrorCode::unsupported, std::string(what_) + " was not found (" + names + "); " + remedy);
}

void Library::open_beside(const std::string& name) const {
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(path()).parent_path(), error))
        if (file.path().filename().string().starts_with(name)) dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL);
}

Library::Function Library::function(const char* symbol) const {
    void* address = dlsym(handle_, symbol);
    if (!address)
        throw Error(ErrorCode::unsupported, std::string(what_) + " has no function " + symbol +
                                                "; install a newer version (found: " + path() + ")");
    return Function(address);
}

std::string Library::path() const {
    const link_map* map = nullptr;
    return dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : what_;
}

}  // namespace fovea::backend::cuda
