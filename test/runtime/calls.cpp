#include "runtime/calls.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<bool> counting{false};
std::atomic<int> own_allocations{0}, library_allocations{0}, own_locks{0}, library_locks{0};
thread_local bool inside = false;  ///< of the counter itself, which may allocate and lock

bool in(const void* address, const char* library) {
    Dl_info info;
    return dladdr(address, &info) && info.dli_fname && std::strstr(info.dli_fname, library);
}

/// Whether a call that returns to `caller` comes from oneDNN, OpenMP or the GPU's driver; what the C++ library does
/// counts as its caller's.
bool from_library(const void* caller) {
    void* frames[32];
    const int depth = backtrace(frames, 32);
    int at = 0;
    while (at < depth && frames[at] != caller) ++at;
    while (at < depth && in(frames[at], "libstdc++")) ++at;
    const void* asking = at < depth ? frames[at] : caller;
    return in(asking, "libdnnl") || in(asking, "libgomp") || in(asking, "libcuda");
}

void count(const void* caller, std::atomic<int>& own, std::atomic<int>& library) {
    if (!counting || inside) return;
    inside = true;
    ++(from_library(caller) ? library : own);
    inside = false;
}

void* allocate(std::size_t bytes, std::size_t alignment, const void* caller) {
    count(caller, own_allocations, library_allocations);
    void* memory = alignment > alignof(std::max_align_t)
                       ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                       : std::malloc(bytes ? bytes : 1);
    if (!memory) throw std::bad_alloc();
    return memory;
}

template <class Lock>
int lock(const char* name, Lock* mutex, const void* caller) {
    count(caller, own_locks, library_locks);
    return reinterpret_cast<int (*)(Lock*)>(dlsym(RTLD_NEXT, name))(mutex);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, 0, __builtin_return_address(0)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return allocate(bytes, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

extern "C" {
int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    return lock("pthread_mutex_lock", mutex, __builtin_return_address(0));
}
int pthread_rwlock_rdlock(pthread_rwlock_t* mutex) noexcept {
    return lock("pthread_rwlock_rdlock", mutex, __builtin_return_address(0));
}
int pthread_rwlock_wrlock(pthread_rwlock_t* mutex) noexcept {
    return lock("pthread_rwlock_wrlock", mutex, __builtin_return_address(0));
}
}

namespace fovea::runtime {

Calls count_calls(const std::function<void()>& function) {
    void* frames[1];
    backtrace(frames, 1);  // loads the unwinder
    own_allocations = library_allocations = own_locks = library_locks = 0;
    counting = true;
    function();
    counting = false;
    return {own_allocations, own_locks, library_allocations, library_locks};
}

}  // namespace fovea::runtime
