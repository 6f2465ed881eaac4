#include "backend/cuda/nvrtc.hpp"

#include <nvrtc.h>

#include <map>
#include <mutex>

#include "backend/cuda/kernel_cache.hpp"
#include "backend/cuda/library.hpp"

namespace fovea::backend::cuda {
namespace {

struct Nvrtc : Library {
    Nvrtc()
        : Library("NVRTC, CUDA's run-time compiler,", {"libnvrtc.so.13", "libnvrtc.so"},
                  "install the CUDA 13 toolkit, set CUDA_PATH to where it is, or run scripts/setup --cuda-wheels and "
                  "build again") {
        open_beside("libnvrtc-builtins.so");
    }

    decltype(nvrtcVersion)* version = function("nvrtcVersion");
    decltype(nvrtcCreateProgram)* create = function("nvrtcCreateProgram");
    decltype(nvrtcDestroyProgram)* destroy = function("nvrtcDestroyProgram");
    decltype(nvrtcCompileProgram)* compile = function("nvrtcCompileProgram");
    decltype(nvrtcGetCUBINSize)* binary_size = function("nvrtcGetCUBINSize");
    decltype(nvrtcGetCUBIN)* binary = function("nvrtcGetCUBIN");
    decltype(nvrtcGetProgramLogSize)* log_size = function("nvrtcGetProgramLogSize");
    decltype(nvrtcGetProgramLog)* log = function("nvrtcGetProgramLog");
    decltype(nvrtcGetErrorString)* error_text = function("nvrtcGetErrorString");

    static const Nvrtc& get() {
        static const Nvrtc kTable;
        return kTable;
    }
};

void check(nvrtcResult result, const char* call, const std::string& detail = {}) {
    if (result == NVRTC_SUCCESS) return;
    throw Error(ErrorCode::internal, std::string("NVRTC's ") + call + " failed: " + Nvrtc::get().error_text(result) +
                                         (detail.empty() ? "" : "\n" + detail));
}

/// A program for the time of one compilation.
class Program {
  public:
    Program(const std::string& source, const std::string& name) {
        check(Nvrtc::get().create(&program_, source.c_str(), (name + ".cu").c_str(), 0, nullptr, nullptr),
              "nvrtcCreateProgram");
    }
    ~Program() { Nvrtc::get().destroy(&program_); }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    [[nodiscard]] std::vector<char> compile(const std::vector<std::string>& options) const {
        std::vector<const char*> list;
        for (const std::string& option : options) list.push_back(option.c_str());
        const nvrtcResult result = Nvrtc::get().compile(program_, static_cast<int>(list.size()), list.data());
        check(result, "nvrtcCompileProgram", result == NVRTC_SUCCESS ? "" : log());
        std::size_t size = 0;
        check(Nvrtc::get().binary_size(program_, &size), "nvrtcGetCUBINSize");
        std::vector<char> binary(size);
        check(Nvrtc::get().binary(program_, binary.data()), "nvrtcGetCUBIN");
        return binary;
    }

  private:
    [[nodiscard]] std::string log() const {
        std::size_t size = 0;
        Nvrtc::get().log_size(program_, &size);
        std::string text(size, '\0');
        if (size) Nvrtc::get().log(program_, text.data());
        return text;
    }

    nvrtcProgram program_ = nullptr;
};

std::vector<std::string> options_for(const std::string& architecture) {
    return {"--gpu-architecture=" + architecture, "--std=c++17", "--device-as-default-execution-space"};
}

std::string key_of(const std::string& source, const std::string& architecture) {
    std::string text = nvrtc_version();
    for (const std::string& option : options_for(architecture)) text += "|" + option;
    return cache_key(text + "|" + source);
}

}  // namespace

std::string nvrtc_version() {
    int major = 0, minor = 0;
    check(Nvrtc::get().version(&major, &minor), "nvrtcVersion");
    return std::to_string(major) + "." + std::to_string(minor);
}

std::vector<char> nvrtc_compile(const std::string& source, const std::string& name, const std::string& architecture) {
    return Program(source, name).compile(options_for(architecture));
}

const std::vector<char>& compile(const std::string& source, const std::string& name, const std::string& architecture) {
    static std::mutex mutex;
    static std::map<std::string, std::vector<char>> known;
    const std::string key = key_of(source, architecture);
    {
        const std::lock_guard lock(mutex);
        if (const auto it = known.find(key); it != known.end()) return it->second;
    }
    std::vector<char> binary = read_cached(key + ".cubin");
    if (binary.empty()) {
        binary = nvrtc_compile(source, name, architecture);
        write_cached(key + ".cubin", binary);
    }
    const std::lock_guard lock(mutex);
    return known.emplace(key, std::move(binary)).first->second;
}

}  // namespace fovea::backend::cuda
