// Faults that are real or stay: no memory left, an illegal address, functions that a driver lacks.
#include <iostream>

#include "backend/cuda/cuda.hpp"
#include "backend/reference/reference.hpp"
#include "compiler/build.hpp"
#include "cuda/driver/calls.hpp"
#include "cuda/fault_child.hpp"
#include "cuda/fault_network.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"

namespace fovea::test {
namespace {

constexpr const char* kOutOfMemory = "free memory on the GPU, or use a smaller batch or image";

/// All memory of a device, down to blocks of 4 KiB.
std::vector<std::shared_ptr<std::byte>> occupy(const backend::Device& device) {
    std::vector<std::shared_ptr<std::byte>> blocks;
    for (std::size_t bytes = std::size_t{1} << 30; bytes >= 4096; bytes /= 2) try {
            for (;;) blocks.push_back(device.allocate(bytes));
        } catch (const Error&) {
        }
    return blocks;
}

class NoMemory : public GpuTest {
  protected:
    void SetUp() override {
        if (!kRealDriver) GTEST_SKIP() << "skipped: the pretended GPU's memory has no end";
        GpuTest::SetUp();
        if (!IsSkipped()) backends_ = backends();
    }
    runtime::Backends backends_;
};

TEST_F(NoMemory, BuildSaysSoAndSucceedsWhenThereIsSome) {
    {
        const auto blocks = occupy(*backends_[0]->device());
        EXPECT_GT(blocks.size(), 8U);
        const std::string message = build_and_run(network());
        EXPECT_NE(message.find(kOutOfMemory), std::string::npos) << message;
        std::cout << message << "\n";
    }
    EXPECT_EQ(build_and_run(network()), "");
}

TEST_F(NoMemory, RunSaysSoAndSucceedsWhenThereIsSome) {
    const auto engine = build(backends_, network(), false);
    const auto make = [&] {
        auto context = std::make_unique<runtime::Context>(engine);
        context->bind_input(0, DType::f32, image().shape(), image().raw());
        return context;
    };
    const auto before = make();
    before->run();
    std::unique_ptr<runtime::Context> late;
    {
        const auto blocks = occupy(*backends_[0]->device());
        EXPECT_NO_THROW(before->run()) << "what is warm needs no more memory";
        try {
            late = make();
            late->run();
            ADD_FAILURE() << "there was memory";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::out_of_range);
            EXPECT_NE(std::string(error.what()).find(kOutOfMemory), std::string::npos) << error.what();
            std::cout << error.what() << "\n";
        }
    }
    if (!late) late = make();
    EXPECT_NO_THROW(late->run());
    EXPECT_TRUE(late->output(0).equals(before->output(0)));
}

template <class Function>
bool says_start_again(const char* what, const Function& function) {
    std::string message = "went on";
    try {
        function();
    } catch (const Error& error) {
        message = error.what();
    }
    std::cout << what << ": " << message << std::endl;
    return message.find("start it again") != std::string::npos;
}

TEST(IllegalAddress, EveryContextSaysSoAndTheHostWorksOn) {
    if (!kRealDriver) GTEST_SKIP() << "skipped: the pretended GPU reads nothing";
    const Outcome outcome = run_child("illegal address");
    for (const std::string& line : outcome.lines) std::cout << line << "\n";
    if (outcome.status == kSkipped) GTEST_SKIP() << outcome.lines.back();
    EXPECT_EQ(outcome.status, 0);
}

TEST(MissingFunction, IsNamed) {
    if (kRealDriver && !backend::cuda_status().usable) GTEST_SKIP() << "skipped: no GPU";
    for (const char* function : {"cuGraphInstantiateWithFlags", "cuMemAlloc_v2", "nvrtcGetCUBIN"}) {
        const Outcome outcome = run_child(std::string("hide|") + function);
        EXPECT_EQ(outcome.status, 0) << testing::PrintToString(outcome.lines);
        const std::string said = outcome.lines.empty() ? "" : outcome.lines.back();
        std::cout << function << ": " << said << "\n";
        EXPECT_NE(said.find(std::string(" has no function ") + function + "; install a newer version"),
                  std::string::npos);
    }
    if (!kRealDriver) return;
    for (const char* function : {"cublasLtMatmul", "cudnnBackendExecute"})
        EXPECT_EQ(run_child(std::string("hide|") + function).lines.back(), "done without") << function;
}

}  // namespace

int access_illegal_address() {
    if (const auto status = backend::cuda_status(); !status.usable) {
        std::cout << "skipped: no GPU: " << status.text << "\n";
        return kSkipped;
    }
    const auto engine = build(backends(), network(), false), other = build(backends(), network(), false);
    runtime::Context one(engine), two(engine), three(other);
    for (auto* context : {&one, &two, &three}) {
        context->bind_input(0, DType::f32, image().shape(), image().raw());
        context->run();
    }
    auto input = engine->device()->allocate(std::size_t{64} << 20);
    one.bind_input(0, DType::f32, image().shape(), input.get(), true);
    one.run();
    input.reset();
    bool all = true;
    for (int i = 0; i < 2; ++i) all &= says_start_again("the context", [&] { one.run(); });
    all &= says_start_again("another context of the engine", [&] { two.run(); });
    all &= says_start_again("another engine", [&] { three.run(); });
    all &= says_start_again("a new context", [&] { run(engine); });
    all &= says_start_again("a new build", [&] { build(backends(), network(), false); });
    runtime::Backends host;
    host.push_back(backend::make_reference_backend());
    runtime::Context on_host(build(host, network(), false));
    on_host.bind_input(0, DType::f32, image().shape(), image().raw());
    on_host.run();
    std::cout << "on the host: done\n";
    return all ? 0 : 1;
}

int hide_function(const std::string& function) {
    hide(function);
    const std::string message = build_and_run(network(), false);
    std::cout << (message.empty() ? "done without" : message) << "\n";
    return 0;
}

}  // namespace fovea::test
