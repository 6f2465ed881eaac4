#include "runtime/branches.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fovea::runtime {
namespace {

Span block(std::uintptr_t begin, std::size_t bytes) { return {begin, begin + bytes, bytes, bytes}; }

TEST(Branches, SlicesOfOneTensorMeetOnlyInCommonColumns) {
    // Rows of 100 bytes, ten of them.
    const Span left{1000, 1940, 40, 100}, right{1040, 2000, 60, 100}, middle{1030, 1950, 20, 100};
    EXPECT_FALSE(left.meets(right));
    EXPECT_FALSE(right.meets(left));
    EXPECT_TRUE(left.meets(middle));
    EXPECT_TRUE(middle.meets(right));
    EXPECT_TRUE(right.meets({1040, 1990, 50, 90}));
    EXPECT_FALSE(left.meets({2000, 2100, 40, 100}));
    // From the second row on.
    const Span below{1140, 2000, 60, 100};
    EXPECT_FALSE(left.meets(below));
    EXPECT_TRUE(right.meets(below));
}

TEST(Branches, ChainStaysInOneQueue) {
    std::vector<Accesses> chain;
    for (std::uintptr_t i = 0; i < 5; ++i) chain.push_back({{block(100 * i, 100)}, {block(100 * i + 100, 100)}});
    for (const Branch& branch : plan_branches(chain, 4)) {
        EXPECT_EQ(branch.queue, 0U);
        EXPECT_TRUE(branch.awaits.empty());
    }
}

TEST(Branches, TwoReadersRunSideBySideAndAreJoined) {
    const std::vector<Accesses> diamond = {{{block(0, 10)}, {block(100, 10)}},
                                           {{block(100, 10)}, {block(200, 10)}},
                                           {{block(100, 10)}, {block(300, 10)}},
                                           {{block(200, 10), block(300, 10)}, {block(400, 10)}}};
    const auto branches = plan_branches(diamond, 4);
    EXPECT_EQ(branches[1].queue, branches[0].queue);
    EXPECT_NE(branches[2].queue, branches[0].queue);
    EXPECT_EQ(branches[2].awaits, std::vector<std::size_t>{0});
    EXPECT_EQ(branches[3].awaits.size(), 1U);
    EXPECT_NE(branches[3].queue, branches[branches[3].awaits[0]].queue);
}

TEST(Branches, MemoryThatIsUsedAgainIsWaitedFor) {
    // The third writes to what the second reads.
    const std::vector<Accesses> launches = {
        {{}, {block(0, 10)}}, {{block(0, 10)}, {block(100, 10)}}, {{}, {block(0, 10)}}};
    const auto branches = plan_branches(launches, 2);
    EXPECT_TRUE(branches[2].queue == branches[1].queue || branches[2].awaits == std::vector<std::size_t>{1});
}

/// Whether launch `j` has ended before `i` starts, by the queues' order and by what is waited for.
bool ends_before(const std::vector<Branch>& branches, std::size_t j, std::size_t i) {
    if (j == i) return true;
    for (std::size_t k = i; k-- > 0;)
        if (branches[k].queue == branches[i].queue) {
            if (k >= j && ends_before(branches, j, k)) return true;
            break;
        }
    return std::any_of(branches[i].awaits.begin(), branches[i].awaits.end(),
                       [&](std::size_t k) { return k >= j && ends_before(branches, j, k); });
}

TEST(Branches, EveryDependencyIsKept) {
    std::mt19937 random(1);
    for (int round = 0; round < 40; ++round) {
        std::vector<Accesses> launches;
        const auto some = [&] { return block(10 * (random() % 12), 10 + 10 * (random() % 2)); };
        for (int i = 0; i < 18; ++i) launches.push_back({{some(), some()}, {some()}});
        const auto branches = plan_branches(launches, 1 + static_cast<std::size_t>(round) % 4);
        for (std::size_t i = 0; i < launches.size(); ++i)
            for (std::size_t j = 0; j < i; ++j) {
                const Span &written = launches[j].writes[0], &target = launches[i].writes[0];
                bool depends = target.meets(written);
                for (const Span& read : launches[i].reads) depends = depends || read.meets(written);
                for (const Span& read : launches[j].reads) depends = depends || target.meets(read);
                EXPECT_TRUE(!depends || ends_before(branches, j, i)) << "launch " << i << " behind " << j;
            }
    }
}

}  // namespace
}  // namespace fovea::runtime
