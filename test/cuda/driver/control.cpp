#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "cuda/driver/driver.hpp"

namespace fovea::test {
namespace {

std::mutex mutex;
std::map<std::string, int> counts;
std::string failing;
int failing_number = 0, failure = 0;
bool sticky_failure = false, failed = false;

}  // namespace

void fail_call(const std::string& function, int number, int result, bool sticky) {
    const std::lock_guard lock(mutex);
    failing = function;
    failing_number = number;
    failure = result;
    sticky_failure = sticky;
}

void reset_calls() {
    const std::lock_guard lock(mutex);
    counts.clear();
    failing.clear();
    failed = false;
}

std::map<std::string, int> calls() {
    const std::lock_guard lock(mutex);
    return counts;
}

int enter(const char* function) {
    const std::lock_guard lock(mutex);
    const int number = ++counts[function];
    if (failed && sticky_failure && !gives_back(function)) return failure;
    if (failing != function || number != failing_number) return 0;
    failed = true;
    return failure;
}

bool gives_back(const std::string& function) {
    for (const char* part : {"Destroy", "Free", "Release", "Unload"})
        if (function.find(part) != std::string::npos) return true;
    return false;
}

bool forwards(const char* variable) { return std::getenv(variable) != nullptr; }

void* real_function(const char* variable, const char* name) {
    static std::map<std::string, void*> libraries;
    const std::lock_guard lock(mutex);
    void*& library = libraries[variable];
    // It calls its own functions, not those of the same names here.
    if (!library) library = dlopen(std::getenv(variable), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    void* function = library ? dlsym(library, name) : nullptr;
    if (!function) {
        std::fprintf(stderr, "%s=%s has no %s: %s\n", variable, std::getenv(variable), name, dlerror());
        std::abort();
    }
    return function;
}

}  // namespace fovea::test
