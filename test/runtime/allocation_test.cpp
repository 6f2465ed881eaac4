#include <gtest/gtest.h>

#include "networks.hpp"
#include "runtime/calls.hpp"

namespace fovea::runtime {
namespace {

TEST(Run, AllocatesNothingOfItsOwnAfterWarmUp) {
    for (const int threads : {1, 2}) {
        const auto engine = network_engine(threads);
        Context context(engine);
        const auto inputs = compiler::random_inputs(engine->plan().graph, {{1, 3, 32, 32}}, 1);
        context.bind_input(0, DType::f32, inputs[0].shape(), inputs[0].raw());
        for (int i = 0; i < 3; ++i) context.run();
        const Calls first = count_calls([&] { context.run(); }), second = count_calls([&] { context.run(); });
        EXPECT_EQ(second.own_allocations, 0);
        EXPECT_EQ(second.own_locks, 0);
        EXPECT_EQ(first.library_allocations, second.library_allocations);
    }
}

TEST(Counter, SeesAllocationsAndLocksOfThisCode) {
    std::mutex mutex;
    const Calls calls = count_calls([&] {
        const std::lock_guard lock(mutex);
        const std::vector<int> memory(100);
        EXPECT_EQ(memory.size(), 100u);
    });
    EXPECT_EQ(calls.own_allocations, 1);
    EXPECT_EQ(calls.own_locks, 1);
}

TEST(Counter, SeesAllocationsOnEveryThread) {
    std::vector<int*> memory(2, nullptr);
    const Calls calls = count_calls([&] {
#pragma omp parallel for num_threads(2)
        for (int i = 0; i < 2; ++i) memory[static_cast<std::size_t>(i)] = new int(i);
    });
    for (const int* number : memory) delete number;
    EXPECT_EQ(calls.own_allocations, 2);
}

}  // namespace
}  // namespace fovea::runtime
