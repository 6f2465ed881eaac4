// Kernels that follow each other in a recording give what they give one by one: none reads what the one in front of it
// has yet to write. A kernel of fovea lets the next one start before it has ended, and libraries have theirs start
// early.
#include <gtest/gtest.h>

#include <functional>

#include "cuda/device_regions.hpp"

namespace fovea::backend {
namespace {

/// Two regions, the second of which reads the first one's result. Tiles of 256 pixels leave a few of an H100's
/// processors idle, where the second kernel finds room beside the first; larger ones need more than one round.
constexpr Case kPairs[] = {
    {"added", R"(graph "g" {
      input %x : f32[1, 128, 128, 256]
      input %z : f32[1, 64, 256, 512]
      const %v : f32[128, 128, 3, 3] = random(1)
      const %w : f32[128, 64, 1, 1] = random(2)
      const %b : f32[128] = random(3)
      %a : f32[1, 128, 128, 256] = Conv(%x, %v) {pads = [1, 1, 1, 1]}
      %c : f32[1, 128, 128, 256] = Conv(%z, %w, %b) {strides = [2, 2]}
      %s : f32[1, 128, 128, 256] = Add(%c, %a)
      %y : f32[1, 128, 128, 256] = Relu(%s)
      output "y" = %y
    })",
     "conv", 1},
    {"convolved", R"(graph "g" {
      input %x : f32[1, 128, 128, 256]
      const %v : f32[128, 128, 3, 3] = random(1)
      const %w : f32[128, 128, 3, 3] = random(2)
      const %b : f32[128] = random(3)
      %a : f32[1, 128, 128, 256] = Conv(%x, %v) {pads = [1, 1, 1, 1]}
      %c : f32[1, 128, 128, 256] = Conv(%a, %w, %b) {pads = [1, 1, 1, 1]}
      %y : f32[1, 128, 128, 256] = Relu(%c)
      output "y" = %y
    })",
     "conv", 1},
};

constexpr int kReplays = 3;

class Replay : public testing::TestWithParam<std::tuple<Case, std::string>> {};

TEST_P(Replay, EqualsOneKernelAfterTheOther) {
    const auto& [one, type] = GetParam();
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const ir::Graph graph = graph_of(one, type);
    DeviceRegions regions(first_gpu(type == "f32"), graph);
    ASSERT_EQ(regions.size(), 2U);
    const auto firsts = regions.kernels(0, std::not_fn(DeviceRegions::of_library));
    const auto seconds = regions.kernels(1, DeviceRegions::of_library);
    if (seconds.empty()) GTEST_SKIP() << "skipped: no library's kernel: " << cuda_status().text;
    for (const auto& [first_name, first] : firsts)
        for (const auto& [second_name, second] : seconds) {
            regions.run(0, *first);
            regions.stream().synchronize();
            regions.run(1, *second);
            const Tensor expected = regions.result(1);
            const auto recording = regions.stream().record([&, &a = *first, &b = *second] {
                regions.forget(0);
                regions.run(0, a);
                regions.run(1, b);
            });
            int unequal = 0;
            for (int run = 0; run < kReplays; ++run) {
                regions.stream().replay(*recording);
                unequal += regions.result(1).equals(expected) ? 0 : 1;
            }
            EXPECT_EQ(unequal, 0) << first_name << ", then " << second_name;
        }
}

INSTANTIATE_TEST_SUITE_P(Cuda, Replay, testing::Combine(testing::ValuesIn(kPairs), testing::Values("f32", "f16")),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) + "_" +
                                    (std::get<1>(info.param) == "f32" ? "tf32" : std::get<1>(info.param));
                         });

}  // namespace
}  // namespace fovea::backend
