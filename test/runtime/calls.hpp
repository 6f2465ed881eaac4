#pragma once

#include <functional>

namespace fovea::runtime {

/// What asked the system for memory (operator new) and for locks (pthread_mutex_lock, pthread_rwlock_*lock): fovea's
/// code and the standard library on its behalf, or oneDNN and OpenMP.
struct Calls {
    int own_allocations = 0, own_locks = 0;
    int library_allocations = 0, library_locks = 0;
};

/// The calls of all threads while `function` runs.
Calls count_calls(const std::function<void()>& function);

}  // namespace fovea::runtime
