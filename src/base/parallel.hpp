#pragma once

#include <omp.h>

#include <cstdint>

namespace fovea::base {

/// Number of threads that the next parallel loop of this thread uses.
inline int thread_count() { return omp_in_parallel() ? 1 : omp_get_max_threads(); }

/// Calls `body(begin, end)` on contiguous parts of [0, count), one part per thread, on the same OpenMP threads that
/// oneDNN uses. Parts hold at least `grain` items, so small loops stay on the calling thread. `body` must not throw.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
    const std::int64_t parts = grain > 0 ? (count + grain - 1) / grain : count;
    const int threads = static_cast<int>(parts < thread_count() ? parts : thread_count());
    if (threads <= 1) {
        if (count > 0) body(std::int64_t{0}, count);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const std::int64_t n = omp_get_num_threads(), i = omp_get_thread_num();
        const std::int64_t begin = count * i / n, end = count * (i + 1) / n;
        if (begin < end) body(begin, end);
    }
}

}  // namespace fovea::base
