#pragma once

#include <gtest/gtest.h>

#include "runtime/engine.hpp"

/// The tiny network that faults are tried on. Behind fovea stands a pretended driver, or the real one
/// (`kRealDriver`, where the tests need a GPU).
namespace fovea::test {

inline constexpr bool kRealDriver = FOVEA_REAL_DRIVER;

/// Tests that are skipped where there is no GPU.
class GpuTest : public testing::Test {
  protected:
    void SetUp() override;
};

/// Every network of its own, so that its kernels are not compiled yet.
std::string network();
runtime::Backends backends(int device = 0);
/// With the real driver, the plan is checked.
std::shared_ptr<const runtime::Engine> build(const runtime::Backends& backends, const std::string& text,
                                             bool tune = true);
const Tensor& image();
/// By every way that tensors come and go.
void run(const std::shared_ptr<const runtime::Engine>& engine);
/// The message with which building and running `text` fails; empty when it does not.
std::string build_and_run(const std::string& text, bool tune = true);

}  // namespace fovea::test
