// Builds and runs with a driver and a compiler that fail on demand: no fault may crash, leak, or come without a clear
// text. The driver is a pretended one, or a real one behind (see driver.hpp); prints a table of what each fault did.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "backend/cuda/cuda.hpp"
#include "backend/cuda/library.hpp"
#include "backend/reference/reference.hpp"
#include "compiler/build.hpp"
#include "cuda/driver/driver.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "runtime/engine.hpp"

namespace fovea {
namespace {

/// Every network of its own, so that its kernels are not compiled yet.
std::string network() {
    static int channels = 16;
    channels += 8;
    const std::string n = std::to_string(channels);
    return R"(graph "g" {
      input %x : f32[1, 8, 8, 8]
      const %w : f32[)" +
           n + R"(, 8, 3, 3] = random(1)
      %c : f32[1, )" +
           n + R"(, 8, 8] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      %r : f32[1, )" +
           n + R"(, 8, 8] = Relu(%c)
      %y : f32[1, )" +
           n + R"(, 4, 4] = MaxPool(%r) {kernel_shape = [2, 2], strides = [2, 2]}
      output "y" = %y
    })";
}

bool real() { return test::forwards("FOVEA_REAL_DRIVER"); }

runtime::Backends backends(int device = 0) {
    return {backend::make_cuda_backend({device}), backend::make_reference_backend()};
}

std::shared_ptr<const runtime::Engine> build(const runtime::Backends& backends, const std::string& text) {
    compiler::BuildOptions options;
    options.gate = real() ? compiler::GateMode::boxes : compiler::GateMode::off;
    return std::make_shared<const runtime::Engine>(compiler::build(ir::parse(text), backends, options), backends);
}

const Tensor& image() {
    static const Tensor tensor = Tensor::zeros(DType::f32, {1, 8, 8, 8});
    return tensor;
}

/// By every way that tensors come and go.
void run(const std::shared_ptr<const runtime::Engine>& engine) {
    runtime::Context context(engine);
    context.bind_input(0, DType::f32, image().shape(), image().raw());
    context.run();
    Tensor output = context.output(0).clone();
    context.bind_output(0, output.dtype(), output.shape(), output.raw());
    context.run();
    const auto input = engine->device()->allocate(image().bytes()), result = engine->device()->allocate(output.bytes());
    context.bind_input(0, DType::f32, image().shape(), input.get(), true);
    context.bind_output(0, output.dtype(), output.shape(), result.get(), true);
    for (int i = 0; i < 3; ++i) context.enqueue(nullptr);
}

class Faults : public testing::Test {
  protected:
    void SetUp() override {
        setenv("FOVEA_CUDA_CACHE", "", 1);
        test::reset_calls();
        before_ = test::live_objects();
        if (real() && !backend::cuda_status().usable)
            GTEST_SKIP() << "skipped: no GPU: " << backend::cuda_status().text;
        ASSERT_TRUE(backend::cuda_status().usable) << backend::cuda_status().text;
    }
    void TearDown() override { test::reset_calls(); }

    void expect_nothing_left() const {
        if (real()) return;
        EXPECT_EQ(test::live_objects(), before_);
    }

    /// The message of a build and run in which this call fails; empty when it did without.
    static std::string attempt(const std::string& function, int number, int result, bool sticky = false) {
        const std::string text = network();
        cuCtxSetCurrent(nullptr);  // where a fault kept the one before from coming back
        test::reset_calls();
        test::fail_call(function, number, result, sticky);
        std::string message;
        try {
            run(build(backends(), text));
        } catch (const Error& error) {
            message = error.what();
        }
        test::reset_calls();
        return message;
    }

    std::size_t before_ = 0;
};

/// Called by cuBLASLt and cuDNN where they are here, whose kernels are left out when they cannot start.
bool of_libraries(const std::string& function) {
    return function == "cuDriverGetVersion" || function == "cuGetProcAddress_v2";
}

TEST_F(Faults, EveryCallFailsOnceWithoutCrashOrLeak) {
    test::reset_calls();
    run(build(backends(), network()));
    const auto counts = test::calls();
    expect_nothing_left();
    std::printf("%-37s %6s  %s\n", "function", "calls", "first, middle or last call fails; all from the first on");
    for (const auto& [function, count] : counts) {
        if (test::gives_back(function)) continue;  // see below
        const int unknown = function.starts_with("nvrtc") ? int{NVRTC_ERROR_INTERNAL_ERROR} : int{CUDA_ERROR_UNKNOWN};
        std::printf("%-37s %6d ", function.c_str(), count);
        for (const int number : {1, (count + 1) / 2, count}) {
            const std::string message = attempt(function, number, unknown);
            EXPECT_TRUE(message.empty() || message.find("failed: ") != std::string::npos) << function << message;
            EXPECT_TRUE(message.empty() || message.find(function) != std::string::npos) << function << message;
            expect_nothing_left();
            std::printf(" %s;", message.empty() ? "done without" : "error");
        }
        const std::string all = attempt(function, 1, unknown, true);
        EXPECT_TRUE(!all.empty() || of_libraries(function)) << function;
        expect_nothing_left();
        std::printf(" %s\n", all.empty() ? "done without" : "error");
    }
}

/// What a fault in giving back costs is memory, never the process.
TEST_F(Faults, GivingBackNeverThrows) {
    run(build(backends(), network()));
    for (const auto& [function, count] : test::calls())
        if (test::gives_back(function)) {
            EXPECT_EQ(attempt(function, count, CUDA_ERROR_UNKNOWN), "") << function;
        }
}

TEST_F(Faults, OutOfMemoryNamesTheRemedy) {
    for (const char* function : {FOVEA_NAME(cuMemAlloc), FOVEA_NAME(cuMemHostAlloc)}) {
        test::reset_calls();
        run(build(backends(), network()));
        const int count = test::calls()[function];
        // The first blocks are for constants of kernels that are prepared ahead, and prepared again.
        for (const int number : {(count + 1) / 2, count}) {
            const std::string message = attempt(function, number, CUDA_ERROR_OUT_OF_MEMORY);
            EXPECT_NE(message.find("free memory on the GPU, or use a smaller batch or image"), std::string::npos)
                << function << " " << number << ": " << message;
        }
    }
    expect_nothing_left();
    try {
        (void)backends()[0]->device()->allocate(std::size_t{1} << 46);
        FAIL() << "64 TiB were found";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_range);
    }
}

TEST_F(Faults, NothingWorksAfterAnIllegalAddressAndNothingCrashes) {
    if (real()) GTEST_SKIP() << "skipped: the made-up fault needs a made-up driver";
    {
        const auto engine = build(backends(), network());
        runtime::Context context(engine);
        context.bind_input(0, DType::f32, image().shape(), image().raw());
        context.run();
        test::fail_call("cuStreamSynchronize", test::calls()["cuStreamSynchronize"] + 1, CUDA_ERROR_ILLEGAL_ADDRESS,
                        true);
        for (int i = 0; i < 3; ++i) try {
                context.run();
                ADD_FAILURE() << "run " << i << " went on";
            } catch (const Error& error) {
                EXPECT_NE(std::string(error.what()).find("start it again"), std::string::npos) << error.what();
            }
        EXPECT_THROW(run(engine), Error);
        EXPECT_THROW(backends(), Error);
    }
    test::reset_calls();
}

/// A real one: the process is of no use afterwards, so this comes last and alone (--gtest_filter).
TEST(IllegalAddress, EveryLaterCallSaysSo) {
    if (!real()) GTEST_SKIP() << "skipped: no GPU";
    const auto engine = build(backends(), network());
    runtime::Context context(engine);
    auto input = engine->device()->allocate(std::size_t{64} << 20);
    context.bind_input(0, DType::f32, image().shape(), input.get(), true);
    context.run();
    input.reset();
    for (int i = 0; i < 3; ++i) try {
            context.run();
            ADD_FAILURE() << "run " << i << " went on";
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("start it again"), std::string::npos) << error.what();
        }
    EXPECT_THROW(run(engine), Error);
}

TEST_F(Faults, WrongNumbersSayHowManyThereAre) {
    for (const int number : {-1, 99}) try {
            (void)backends(number);
            FAIL() << number;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
            EXPECT_NE(std::string(error.what()).find("this machine has "), std::string::npos) << error.what();
        }
}

TEST_F(Faults, AnotherGpusPlanNamesTheCommand) {
    const auto all = backends();
    compiler::BuildOptions options;
    options.gate = compiler::GateMode::off;
    plan::Plan plan = compiler::build(ir::parse(network()), all, options);
    plan.targets[0].target = "sm_80 NVIDIA A100";
    try {
        const runtime::Engine engine(plan, all, {.device = "cuda:0"});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        EXPECT_NE(std::string(error.what()).find("`fovea build PLAN --target cuda:0`"), std::string::npos)
            << error.what();
    }
}

TEST_F(Faults, AnOldDriverIsNamed) {
    const backend::cuda::Library driver("the NVIDIA driver", {"libcuda.so.1"}, "");
    void (*function)() = nullptr;
    try {
        driver.load("cuOfTomorrow", function);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        EXPECT_NE(std::string(error.what()).find("no function cuOfTomorrow; install a newer version"),
                  std::string::npos);
    }
}

TEST_F(Faults, MemoryThatIsNotWhereItShouldBeIsRefused) {
    const auto engine = build(backends(), network());
    runtime::Context context(engine);
    const auto here = engine->device()->allocate(image().bytes());
    const auto refused = [&](const void* data, bool on_device, const char* text) {
        try {
            context.bind_input(0, DType::f32, image().shape(), data, on_device);
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.what(), std::string("input x › ") + text);
        }
    };
    refused(nullptr, false, "the memory is a null pointer");
    refused(image().raw(), true, "the memory is not of the GPU that the engine runs on");
    refused(here.get(), false, "the memory lies on the GPU and is given as the host's");
    if (!real()) {
        const auto other = backends(1);
        const auto there = other[0]->device()->allocate(image().bytes());
        refused(there.get(), true, "the memory lies on another GPU than the engine runs on");
    }
    EXPECT_THROW(context.bind_output(0, DType::f32, image().shape(), here.get(), false), Error);
    context.bind_input(0, DType::f32, image().shape(), here.get(), true);
    context.bind_output(0, DType::f32, image().shape(), here.get(), true);
    EXPECT_THROW(context.run(), Error) << "the output has another shape";
}

/// The pretended driver refuses what belongs to another device than the current one.
TEST_F(Faults, GpusOfOneProcessDoNotMix) {
    if (real()) GTEST_SKIP() << "skipped: needs two GPUs";
    {
        const auto first = build(backends(0), network()), second = build(backends(1), network());
        CUcontext mine = nullptr, after = nullptr;
        ASSERT_EQ(cuDevicePrimaryCtxRetain(&mine, 1), CUDA_SUCCESS);
        ASSERT_EQ(cuCtxSetCurrent(mine), CUDA_SUCCESS);
        runtime::Context one(first), two(second);
        for (auto* context : {&one, &two}) context->bind_input(0, DType::f32, image().shape(), image().raw());
        for (int i = 0; i < 4; ++i) {
            one.run();
            two.run();
        }
        std::thread([&] {
            one.run();
            two.run();
        }).join();
        run(first);
        ASSERT_EQ(cuCtxGetCurrent(&after), CUDA_SUCCESS);
        EXPECT_EQ(after, mine) << "the caller's current device changed";
        cuCtxSetCurrent(nullptr);
        cuDevicePrimaryCtxRelease(1);
    }
    expect_nothing_left();
}

TEST_F(Faults, RecordingsAreBounded) {
    const auto all = backends();
    compiler::BuildOptions build_options;
    build_options.gate = compiler::GateMode::off;
    const auto engine = std::make_shared<const runtime::Engine>(
        compiler::build(ir::parse(network()), all, build_options), all, runtime::EngineOptions{.cached_graphs = 3});
    runtime::Context context(engine);
    std::vector<std::shared_ptr<std::byte>> places;
    for (int i = 0; i < 6; ++i) places.push_back(engine->device()->allocate(image().bytes()));
    const auto run_at = [&](const auto& place) {
        context.bind_input(0, DType::f32, image().shape(), place.get(), true);
        context.run();
    };
    const auto recorded = [&](const auto& function) {
        const int before = test::calls()[FOVEA_NAME(cuGraphInstantiate)];
        function();
        return test::calls()[FOVEA_NAME(cuGraphInstantiate)] - before;
    };
    EXPECT_EQ(recorded([&] { run_at(places[0]); }), 1) << "in place at once";
    EXPECT_EQ(recorded([&] {
                  for (int i = 1; i < 6; ++i) run_at(places[i]);
              }),
              1)
        << "copied to one place";
    EXPECT_EQ(recorded([&] { run_at(places[5]); }), 1) << "in place, the second time";
    EXPECT_EQ(recorded([&] {
                  for (int i = 0; i < 10; ++i) run_at(places[i % 2 ? 5 : 0]);
              }),
              0);
    for (int round = 0; round < 3; ++round)
        for (const auto& place : places) run_at(place);
    EXPECT_EQ(context.device()->cached_graphs(), 3U);
}

}  // namespace
}  // namespace fovea
