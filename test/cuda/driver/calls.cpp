#include "cuda/driver/calls.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

namespace fovea::test {
namespace {

using Word = long;
constexpr std::size_t kMostFunctions = 128;

struct Function {
    std::string name;
    void* real = nullptr;
};

std::mutex mutex;
std::array<Function, kMostFunctions> functions;
std::size_t function_count = 0;
std::map<std::string, int> counts;
std::vector<CallSite> sites;
std::set<std::string> hidden;
std::string failing, failing_place;
int failing_number = 0, failure = 0;
bool noting = false, sticky_failure = false, has_failed = false;
long held_objects = 0;

bool contains_any(std::string_view name, std::initializer_list<const char*> parts) {
    for (const char* part : parts)
        if (name.find(part) != std::string_view::npos) return true;
    return false;
}

bool takes(std::string_view name) {
    return contains_any(name, {"Create", "Alloc", "LoadData", "EndCapture", "Instantiate", "Retain"});
}

bool made_anyway(const std::string& name) {
    return gives_back(name) || contains_any(name, {"Synchronize", "EndCapture"});
}

int unknown_error(std::string_view name) {
    return name.starts_with("nvrtc")    ? 11    // NVRTC_ERROR_INTERNAL_ERROR
           : name.starts_with("cublas") ? 14    // CUBLAS_STATUS_INTERNAL_ERROR
           : name.starts_with("cudnn")  ? 4000  // CUDNN_STATUS_INTERNAL_ERROR
                                        : 999;   // CUDA_ERROR_UNKNOWN, NVML_ERROR_UNKNOWN
}

/// The result that this call shall fail with, or 0.
int enter(const std::string& name) {
    const std::lock_guard lock(mutex);
    const int number = ++counts[name];
    if (gives_back(name)) --held_objects;
    if (noting) {
        CallSite site{name, calling_place()};
        if (std::find(sites.begin(), sites.end(), site) == sites.end()) sites.push_back(std::move(site));
    }
    if (has_failed && sticky_failure && !gives_back(name)) return failure;
    if (has_failed || failing != name) return 0;
    if (failing_place.empty() ? number != failing_number : calling_place() != failing_place) return 0;
    has_failed = true;
    return failure;
}

/// Functions of at most 16 words, none of them floating-point, that return a status: the words that a function takes
/// are passed on, whatever they are, with some of the caller's stack behind them.
template <std::size_t I>
Word hook(Word a, Word b, Word c, Word d, Word e, Word f, Word g, Word h, Word i, Word j, Word k, Word l, Word m,
          Word n, Word o, Word p) {
    const std::string& name = functions[I].name;
    const int result = enter(name);
    if (result != 0 && !made_anyway(name)) return result;
    const auto real = reinterpret_cast<decltype(&hook<I>)>(functions[I].real);
    const auto real_result = static_cast<int>(real(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p));
    if (takes(name) && real_result == 0) {
        const std::lock_guard lock(mutex);
        ++held_objects;
    }
    return result != 0 ? result : real_result;
}

template <std::size_t... I>
constexpr auto hooks(std::index_sequence<I...>) {
    return std::array{&hook<I>...};
}
constexpr auto kHooks = hooks(std::make_index_sequence<kMostFunctions>());

bool returns_status(std::string_view name) {
    return contains_any(name.substr(0, 6), {"cu", "nvrtc", "nvml"}) &&
           !contains_any(name, {"ErrorName", "ErrorString", "StatusString", "LtGetVersion", "cudnnGetVersion"});
}

void* hook_of(const char* name, void* real) {
    const std::lock_guard lock(mutex);
    std::size_t at = 0;
    while (at < function_count && functions[at].name != name) ++at;
    if (at == function_count) ++function_count;
    functions.at(at) = {name, real};
    return reinterpret_cast<void*>(kHooks[at]);
}

bool is_hidden(const char* name) {
    const std::lock_guard lock(mutex);
    return hidden.contains(name);
}

}  // namespace

void fail_call(const std::string& function, int number, int result, bool sticky) {
    const std::lock_guard lock(mutex);
    failing = function;
    failing_place.clear();
    failing_number = number;
    failure = result;
    sticky_failure = sticky;
}

void fail_at(const CallSite& site) {
    const std::lock_guard lock(mutex);
    failing = site.function;
    failing_place = site.place;
    failure = unknown_error(site.function);
    sticky_failure = false;
}

bool failed() {
    const std::lock_guard lock(mutex);
    return has_failed;
}

void hide(const std::string& function) {
    const std::lock_guard lock(mutex);
    hidden.insert(function);
}

void reset_calls() {
    const std::lock_guard lock(mutex);
    counts.clear();
    sites.clear();
    failing.clear();
    noting = has_failed = false;
}

std::map<std::string, int> calls() {
    const std::lock_guard lock(mutex);
    return counts;
}

void note_call_sites() {
    const std::lock_guard lock(mutex);
    noting = true;
}

std::vector<CallSite> call_sites() {
    const std::lock_guard lock(mutex);
    return sites;
}

long held() {
    const std::lock_guard lock(mutex);
    return held_objects;
}

bool gives_back(const std::string& function) {
    return contains_any(function, {"Destroy", "Free", "Release", "Unload"});
}

}  // namespace fovea::test

extern "C" void* __real_dlsym(void* library, const char* name);
extern "C" void* __wrap_dlsym(void* library, const char* name);
extern "C" void* __wrap_dlsym(void* library, const char* name) {
    if (fovea::test::is_hidden(name)) return nullptr;
    void* real = __real_dlsym(library, name);
    return real && fovea::test::returns_status(name) ? fovea::test::hook_of(name, real) : real;
}
