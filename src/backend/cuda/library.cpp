#include "backend/cuda/library.hpp"

#include <dlfcn.h>

#include <cstdlib>

namespace fovea::backend::cuda {
namespace {

/// Folders to try behind the loader's own: the toolkit named by CUDA_PATH, and the usual one.
std::vector<std::string> folders() {
    std::vector<std::string> result = {""};
    if (const char* root = std::getenv("CUDA_PATH")) result.push_back(std::string(root) + "/lib64/");
    result.emplace_back("/usr/local/cuda/lib64/");
    return result;
}

}  // namespace

Library::Library(std::string what, const std::vector<std::string>& files, const std::string& remedy)
    : what_(std::move(what)) {
    std::string names;
    for (const std::string& folder : folders())
        for (const std::string& file : files)
            if (!handle_) handle_ = dlopen((folder + file).c_str(), RTLD_NOW | RTLD_LOCAL);
    for (const std::string& file : files) names += (names.empty() ? "" : " or ") + file;
    if (!handle_) throw Error(ErrorCode::unsupported, what_ + " was not found (" + names + "); " + remedy);
}

void* Library::find(const char* symbol) const {
    void* address = dlsym(handle_, symbol);
    if (!address)
        throw Error(ErrorCode::unsupported,
                    what_ + " has no function " + symbol + "; install a newer version (found: " + path() + ")");
    return address;
}

std::string Library::path() const {
    Dl_info info{};
    void* any = dlsym(handle_, "_init");
    if (any && dladdr(any, &info) && info.dli_fname) return info.dli_fname;
    return what_;
}

}  // namespace fovea::backend::cuda
