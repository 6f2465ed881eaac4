#include "plan/plan.hpp"

#include <gtest/gtest.h>

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"

namespace fovea::plan {
namespace {

/// A plan of a few kilobytes with a convolution, a constant in the weights' section and two steps.
std::vector<std::byte> small_plan() {
    ir::Graph graph = ir::parse(R"(graph "g" {
      input %x : f32[1, 2, 4, 4]
      const %w : f32[3, 2, 3, 3] = random(1)
      %c : f32[*] = Conv(%x, %w)
      %y : f32[*] = Softmax(%c) {axis = 1}
      output "y" = %y
    })");
    compiler::BuildOptions options;
    options.tune = false;
    options.threads = 1;
    return serialize(compiler::build(std::move(graph), {backend::make_cpu_backend()}, options));
}

testing::AssertionResult refused(std::span<const std::byte> bytes) {
    try {
        deserialize(bytes, nullptr);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::corrupt_plan) return testing::AssertionSuccess();
        return testing::AssertionFailure() << error.what();
    }
    return testing::AssertionFailure() << "accepted";
}

TEST(Plan, EqualBuildsGiveEqualBytes) { EXPECT_EQ(small_plan(), small_plan()); }

TEST(Plan, KeepsHowKernelsAreLaunched) {
    const auto bytes = small_plan();
    Plan plan = deserialize(bytes, nullptr);
    EXPECT_EQ(to_string(plan.targets[0].launching), "in a row");
    plan.targets[0].launching = {.overlapped = true};
    plan.targets[0].launching_us = {{{}, 20.5}, {{.overlapped = true, .branched = true}, 19}};
    plan.targets[0].launching_wrong = {{.branched = true}};
    const auto changed = serialize(plan);
    const Plan again = deserialize(changed, nullptr);
    EXPECT_EQ(again.targets[0].launching, plan.targets[0].launching);
    EXPECT_EQ(again.targets[0].launching_us, plan.targets[0].launching_us);
    EXPECT_EQ(again.targets[0].launching_wrong, plan.targets[0].launching_wrong);
}

TEST(Plan, KeepsWhyTacticsWereDropped) {
    const auto bytes = small_plan();
    Plan plan = deserialize(bytes, nullptr);
    EXPECT_TRUE(plan.targets[0].steps[0].wrong.empty());
    plan.targets[0].steps[0].wrong = {{"a tactic", "error 0.5 of the largest value, at most 0.0001 allowed"}};
    const auto changed = serialize(plan);
    EXPECT_EQ(deserialize(changed, nullptr).targets[0].steps[0].wrong, plan.targets[0].steps[0].wrong);
}

TEST(Plan, IsRefusedWhenTruncatedAtAnyByte) {
    const auto bytes = small_plan();
    for (std::size_t length = 0; length < bytes.size(); ++length)
        ASSERT_TRUE(refused(std::span(bytes).first(length))) << "at " << length;
}

TEST(Plan, IsRefusedWithAnyBitFlipped) {
    auto bytes = small_plan();
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= std::byte(1 << bit % 8);
        ASSERT_TRUE(refused(bytes)) << "bit " << bit;
        bytes[bit / 8] ^= std::byte(1 << bit % 8);
    }
}

TEST(Plan, IsRefusedWithBytesBehindTheEnd) {
    auto bytes = small_plan();
    bytes.push_back(std::byte{0});
    EXPECT_TRUE(refused(bytes));
}

}  // namespace
}  // namespace fovea::plan
