// Builds and runs with a driver and a compiler that fail on demand: no fault may crash, leak, or come without a clear
// text. Prints a table of what each fault did.
#include <nvrtc.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "backend/cuda/cuda.hpp"
#include "backend/cuda/driver.hpp"
#include "compiler/build.hpp"
#include "cuda/driver/calls.hpp"
#include "cuda/fault_network.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"

namespace fovea::test {
namespace {

class Faults : public GpuTest {
  protected:
    void SetUp() override {
        reset_calls();
        before_ = held();
        GpuTest::SetUp();
    }
    void TearDown() override { reset_calls(); }

    void expect_nothing_left() const { EXPECT_EQ(held(), before_); }

    /// The message of a build and run in which this call fails; empty when it did without.
    static std::string attempt(const std::string& function, int number, int result, bool sticky = false) {
        const std::string text = network();
        cuda().context_set_current.quiet(nullptr);  // where a fault kept the one before from coming back
        reset_calls();
        fail_call(function, number, result, sticky);
        std::string message = build_and_run(text);
        reset_calls();
        return message;
    }
    static const backend::cuda::Driver& cuda() { return backend::cuda::Driver::get(); }

    long before_ = 0;
};

/// Of cuBLASLt and cuDNN, whose kernels are left out when they cannot start.
bool of_libraries(const std::string& function) {
    return function.starts_with("cublas") || function.starts_with("cudnn");
}

TEST_F(Faults, EveryCallFailsOnceWithoutCrashOrLeak) {
    if (kRealDriver) GTEST_SKIP() << "skipped: takes minutes; CallSites fails every call site of the real driver";
    reset_calls();
    run(build(backends(), network()));
    const auto counts = calls();
    expect_nothing_left();
    std::printf("%-37s %6s  %s\n", "function", "calls", "first, middle or last call fails; all from the first on");
    for (const auto& [function, count] : counts) {
        if (gives_back(function)) continue;  // see below
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
    if (kRealDriver) GTEST_SKIP() << "skipped: takes minutes; CallSites fails every call site of the real driver";
    run(build(backends(), network()));
    for (const auto& [function, count] : calls())
        if (gives_back(function)) {
            EXPECT_EQ(attempt(function, count, CUDA_ERROR_UNKNOWN), "") << function;
        }
}

TEST_F(Faults, OutOfMemoryNamesTheRemedy) {
    for (const char* function : {FOVEA_NAME(cuMemAlloc), FOVEA_NAME(cuMemHostAlloc)}) {
        reset_calls();
        run(build(backends(), network()));
        const int count = calls()[function];
        int tried = 0, errors = 0;
        for (int number = kRealDriver ? std::max(1, count - 1) : 1; number <= count; ++number, ++tried) {
            const std::string message = attempt(function, number, CUDA_ERROR_OUT_OF_MEMORY);
            if (message.empty()) continue;  // for constants of kernels that are prepared ahead, and prepared again
            ++errors;
            EXPECT_NE(message.find("free memory on the GPU, or use a smaller batch or image"), std::string::npos)
                << function << " " << number << ": " << message;
        }
        EXPECT_GT(4 * errors, 3 * tried) << function;
    }
    expect_nothing_left();
    try {
        (void)backends()[0]->device()->allocate(std::size_t{1} << 46);
        FAIL() << "64 TiB were found";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_range);
    }
}

TEST_F(Faults, AContextThatFoundNoMemoryRunsWhenThereIsSome) {
    for (const char* function : {FOVEA_NAME(cuMemAlloc), FOVEA_NAME(cuMemHostAlloc)}) {
        int number = 0;
        for (bool reached = true; reached; ++number) {
            const auto engine = build(backends(), network(), false);
            runtime::Context context(engine);
            context.bind_input(0, DType::f32, image().shape(), image().raw());
            reset_calls();
            fail_call(function, number + 1, CUDA_ERROR_OUT_OF_MEMORY);
            try {
                context.run();
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), ErrorCode::out_of_range);
            }
            reached = failed();
            reset_calls();
            EXPECT_NO_THROW(context.run()) << function << " " << number + 1;
        }
        EXPECT_GT(number, 1) << function;
    }
    expect_nothing_left();
}

TEST_F(Faults, NothingWorksAfterALastingFaultAndNothingCrashes) {
    if (kRealDriver) GTEST_SKIP() << "skipped: the made-up fault needs a made-up driver";
    const auto meet = [](CUresult fault) {
        const auto engine = build(backends(), network());
        runtime::Context context(engine);
        context.bind_input(0, DType::f32, image().shape(), image().raw());
        context.run();
        fail_call("cuStreamSynchronize", calls()["cuStreamSynchronize"] + 1, fault, true);
        for (int i = 0; i < 3; ++i) try {
                context.run();
                ADD_FAILURE() << "run " << i << " went on";
            } catch (const Error& error) {
                EXPECT_NE(std::string(error.what()).find("start it again"), std::string::npos) << error.what();
            }
        EXPECT_THROW(run(engine), Error);
        EXPECT_THROW(backends(), Error);
    };
    for (const CUresult fault :
         {CUDA_ERROR_ILLEGAL_ADDRESS, CUDA_ERROR_MISALIGNED_ADDRESS, CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUDA_ERROR_LAUNCH_TIMEOUT, CUDA_ERROR_ECC_UNCORRECTABLE}) {
        meet(fault);
        reset_calls();
        cuda().context_set_current.quiet(nullptr);
    }
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
    const std::string function = FOVEA_NAME(cuModuleLoadData);
    reset_calls();
    run(build(backends(), network()));
    const int last = calls()[function];
    for (const CUresult result : {CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA_ERROR_UNSUPPORTED_PTX_VERSION})
        EXPECT_NE(attempt(function, last, result).find("install a newer NVIDIA driver"), std::string::npos);
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
    refused(nullptr, false, "the memory is a null pointer; give the address of the input's elements");
    refused(image().raw(), true,
            "the memory is not of the GPU that the engine runs on; allocate it there, or give it as the host's");
    refused(here.get(), false,
            "the memory lies on the GPU and is given as the host's; say that it is the device's (`on_device`)");
    if (!kRealDriver) {
        const auto other = backends(1);
        const auto there = other[0]->device()->allocate(image().bytes());
        refused(there.get(), true,
                "the memory lies on another GPU than the engine runs on; copy it to this GPU or to the host, or make "
                "an engine with that GPU as its target");
    }
    EXPECT_THROW(context.bind_output(0, DType::f32, image().shape(), here.get(), false), Error);
    context.bind_input(0, DType::f32, image().shape(), here.get(), true);
    context.bind_output(0, DType::f32, image().shape(), here.get(), true);
    EXPECT_THROW(context.run(), Error) << "the output has another shape";
}

/// The pretended driver refuses what belongs to another device than the current one.
TEST_F(Faults, GpusOfOneProcessDoNotMix) {
    if (kRealDriver) GTEST_SKIP() << "skipped: needs two GPUs";
    {
        const auto first = build(backends(0), network()), second = build(backends(1), network());
        CUcontext mine = nullptr, after = nullptr;
        ASSERT_EQ(cuda().context_retain.quiet(&mine, 1), CUDA_SUCCESS);
        ASSERT_EQ(cuda().context_set_current.quiet(mine), CUDA_SUCCESS);
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
        ASSERT_EQ(cuda().context_get_current.quiet(&after), CUDA_SUCCESS);
        EXPECT_EQ(after, mine) << "the caller's current device changed";
        cuda().context_set_current.quiet(nullptr);
        cuda().context_release.quiet(1);
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
        const int before = calls()[FOVEA_NAME(cuGraphInstantiate)];
        function();
        return calls()[FOVEA_NAME(cuGraphInstantiate)] - before;
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
}  // namespace fovea::test
