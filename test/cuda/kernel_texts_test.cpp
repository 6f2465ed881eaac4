#include <gtest/gtest.h>

#include "backend/cuda/kernel_texts.hpp"

namespace fovea::backend {
namespace {

/// One that does not would let those behind it start before those in front of it have ended.
TEST(Kernels, EveryOneAwaitsItsPredecessors) {
    const auto count = [](std::string_view text, std::string_view word) {
        int found = 0;
        for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++found;
        return found;
    };
    for (const auto& [name, text] : cuda::kernel_texts())
        EXPECT_GE(count(text, "await_predecessors();"), count(text, "__global__")) << name;
}

}  // namespace
}  // namespace fovea::backend
