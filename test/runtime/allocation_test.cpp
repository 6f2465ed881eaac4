#include <dlfcn.h>
#include <execinfo.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "networks.hpp"

/// Counts every allocation of the process, apart by who asked for it: a call from within oneDNN's library counts as the
/// library's, everything else as fovea's own.
namespace {

std::atomic<bool> counting{false};
std::atomic<int> own{0}, library{0};

bool from_library() {
    void* frames[12];
    const int depth = backtrace(frames, 12);
    for (int i = 0; i < depth; ++i) {
        Dl_info info;
        if (dladdr(frames[i], &info) && info.dli_fname &&
            (std::strstr(info.dli_fname, "libdnnl") || std::strstr(info.dli_fname, "libgomp")))
            return true;
    }
    return false;
}

void* counted(std::size_t bytes, std::size_t alignment) {
    if (counting.exchange(false)) {
        ++(from_library() ? library : own);
        counting = true;
    }
    void* memory = alignment > alignof(std::max_align_t)
                       ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                       : std::malloc(bytes ? bytes : 1);
    if (!memory) throw std::bad_alloc();
    return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace fovea::runtime {
namespace {

TEST(Run, AllocatesNothingOfItsOwnAfterWarmUp) {
    const auto engine = network_engine(1);
    Context context(engine);
    const auto inputs = compiler::random_inputs(engine->plan().graph, {{1, 3, 32, 32}}, 1);
    context.bind_input(0, DType::f32, inputs[0].shape(), inputs[0].raw());
    for (int i = 0; i < 3; ++i) context.run();
    int per_run[3];
    void* warm[1];
    backtrace(warm, 1);  // loads the unwinder
    for (int& count : per_run) {
        library = 0;
        counting = true;
        context.run();
        counting = false;
        count = library;
    }
    EXPECT_EQ(own, 0);
    EXPECT_EQ(per_run[0], per_run[1]);
    EXPECT_EQ(per_run[1], per_run[2]);
    RecordProperty("library_allocations_per_run", per_run[2]);
}

TEST(Counter, SeesAllocationsOfThisCode) {
    own = 0;
    counting = true;
    const std::vector<int> memory(100);
    counting = false;
    EXPECT_EQ(own, 1);
    EXPECT_EQ(memory.size(), 100u);
}

}  // namespace
}  // namespace fovea::runtime
