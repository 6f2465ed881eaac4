#include "runtime/memory_plan.hpp"

#include <gtest/gtest.h>

#include <random>

namespace fovea::runtime {
namespace {

TEST(MemoryPlan, NeverOverlapsBlocksThatLiveTogetherAndStaysNearTheBound) {
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        std::vector<Lifetime> blocks;
        for (int i = 0; i < 60; ++i) {
            const int first = static_cast<int>(random() % 50);
            blocks.push_back({1 + random() % 5000, first, first + static_cast<int>(random() % 6), 0});
        }
        const std::size_t arena = plan_memory(blocks);
        for (std::size_t a = 0; a < blocks.size(); ++a) {
            EXPECT_LE(blocks[a].offset + blocks[a].bytes, arena);
            EXPECT_EQ(blocks[a].offset % 64, 0u);
            for (std::size_t b = 0; b < a; ++b) {
                const bool together = blocks[a].first <= blocks[b].last && blocks[b].first <= blocks[a].last;
                const bool apart = blocks[a].offset + blocks[a].bytes <= blocks[b].offset ||
                                   blocks[b].offset + blocks[b].bytes <= blocks[a].offset;
                EXPECT_TRUE(!together || apart);
            }
        }
        EXPECT_GE(arena, peak_demand(blocks));
    }
}

TEST(MemoryPlan, ReusesTheMemoryOfAChain) {
    std::vector<Lifetime> chain;
    for (int i = 0; i < 10; ++i) chain.push_back({1024, i, i + 1, 0});
    EXPECT_EQ(plan_memory(chain), 2048u);
    EXPECT_EQ(peak_demand(chain), 2048u);
}

}  // namespace
}  // namespace fovea::runtime
