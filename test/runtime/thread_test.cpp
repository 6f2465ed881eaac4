#include <gtest/gtest.h>

#include <thread>

#include "networks.hpp"

namespace fovea::runtime {
namespace {

TEST(Threads, ContextsOfOneEngineGiveTheSameBytes) {
    const auto engine = network_engine(1);
    const auto inputs = compiler::random_inputs(engine->plan().graph, {{1, 3, 32, 32}}, 1);
    const auto run = [&](std::vector<float>& result) {
        Context context(engine);
        context.bind_input(0, DType::f32, inputs[0].shape(), inputs[0].raw());
        for (int i = 0; i < 5; ++i) context.run();
        result = context.output(0).to_float();
    };
    std::vector<std::vector<float>> results(4);
    std::vector<std::thread> threads;
    for (auto& result : results) threads.emplace_back(run, std::ref(result));
    for (auto& thread : threads) thread.join();
    for (const auto& result : results) EXPECT_EQ(result, results[0]);
    ASSERT_FALSE(results[0].empty());
}

TEST(Threads, AnyNumberComputesTheSameNetwork) {
    const auto inputs = compiler::random_inputs(ir::parse(kNetwork), {{1, 3, 32, 32}}, 1);
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 3, 5}) {
        Context context(network_engine(threads));
        context.bind_input(0, DType::f32, inputs[0].shape(), inputs[0].raw());
        context.run();
        results.push_back(context.output(0).to_float());
    }
    for (const auto& result : results)
        for (std::size_t i = 0; i < result.size(); ++i) EXPECT_NEAR(result[i], results[0][i], 1e-5);
}

}  // namespace
}  // namespace fovea::runtime
