// How plans run on a GPU: from and to every kind of memory, in streams of the caller's, at changing shapes and places,
// on many threads; always the same bytes.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "backend/cuda/cuda.hpp"
#include "backend/reference/reference.hpp"
#include "compiler/build.hpp"
#include "compiler/gate.hpp"
#include "ir/text.hpp"
#include "runtime/calls.hpp"
#include "runtime/engine.hpp"

namespace fovea::runtime {
namespace {

/// Branches that run in parallel, slices of one tensor, a residual, two outputs, any batch.
constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32["n", 8, 24, 24]
  const %w1 : f32[32, 8, 3, 3] = random(1)
  const %w2 : f32[24, 32, 3, 3] = random(2)
  const %w3 : f32[40, 32, 1, 1] = random(3)
  const %w4 : f32[32, 64, 3, 3] = random(4)
  const %w5 : f32[8, 32, 1, 1] = random(5)
  %a : f32[*] = Conv(%x, %w1) {pads = [1, 1, 1, 1]}
  %b : f32[*] = Relu(%a)
  %c : f32[*] = Conv(%b, %w2) {pads = [1, 1, 1, 1]}
  %d : f32[*] = Conv(%b, %w3)
  %e : f32[*] = Concat(%c, %d) {axis = 1}
  %f : f32[*] = Conv(%e, %w4) {pads = [1, 1, 1, 1]}
  %g : f32[*] = Add(%f, %b)
  %p : f32[*] = MaxPool(%g) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]}
  %y : f32[*] = Conv(%p, %w5)
  %z : f32[*] = GlobalAveragePool(%g)
  output "y" = %y
  output "z" = %z
})";

class Execution : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (!backend::cuda_status().usable) return;
        const Backends backends = {backend::make_cuda_backend({}), backend::make_reference_backend()};
        compiler::BuildOptions options;
        options.profile["x"] = {{1, 8, 24, 24}, {2, 8, 24, 24}, {6, 8, 24, 24}};
        engine_ = std::make_shared<const Engine>(compiler::build(ir::parse(kNetwork), backends, options), backends,
                                                 EngineOptions{.cached_graphs = 4});
    }
    static void TearDownTestSuite() { engine_.reset(); }

    void SetUp() override {
        if (!engine_) GTEST_SKIP() << "skipped: no GPU: " << backend::cuda_status().text;
    }

    static Tensor image(std::int64_t batch, std::uint32_t seed = 1) {
        return compiler::random_inputs(engine_->plan().graph, {{batch, 8, 24, 24}}, seed)[0];
    }

    static std::vector<Tensor> outputs(const Context& context) {
        return {context.output(0).clone(), context.output(1).clone()};
    }

    /// By host memory, in a context of its own.
    static std::vector<Tensor> expected(const Tensor& image) {
        Context context(engine_);
        context.bind_input(0, DType::f32, image.shape(), image.raw());
        context.run();
        return outputs(context);
    }

    static void expect_equal(const std::vector<Tensor>& found, const std::vector<Tensor>& wanted) {
        for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_TRUE(found[i].equals(wanted[i])) << "output " << i;
    }

    /// Memory of the device, filled and read by its own stream.
    struct OnDevice {
        explicit OnDevice(const Tensor& tensor) : bytes(tensor.bytes()), memory(engine_->device()->allocate(bytes)) {
            const auto stream = engine_->device()->make_stream();
            stream->upload(memory.get(), tensor.raw(), bytes);
            stream->synchronize();
        }
        [[nodiscard]] Tensor read(const Tensor& like) const {
            Tensor tensor = Tensor::zeros(like.dtype(), like.shape());
            const auto stream = engine_->device()->make_stream();
            stream->download(tensor.raw(), memory.get(), bytes);
            stream->synchronize();
            return tensor;
        }
        std::size_t bytes;
        std::shared_ptr<std::byte> memory;
    };

    static inline std::shared_ptr<const Engine> engine_;
};

TEST_F(Execution, EveryKindOfMemoryGivesTheSameBytes) {
    const Tensor x = image(3);
    const auto wanted = expected(x);
    const auto pinned = engine_->device()->allocate_host(x.bytes());
    std::memcpy(pinned.get(), x.raw(), x.bytes());
    const OnDevice there(x);
    Context context(engine_);
    for (int round = 0; round < 3; ++round)
        for (const auto& [input, on_device] :
             {std::pair<const void*, bool>{x.raw(), false}, {pinned.get(), false}, {there.memory.get(), true}})
            for (int kind = 0; kind < 4; ++kind) {
                context.bind_input(0, DType::f32, x.shape(), input, on_device);
                std::vector<Tensor> found;
                for (const Tensor& tensor : wanted) found.push_back(Tensor::zeros(tensor.dtype(), tensor.shape()));
                std::vector<std::shared_ptr<std::byte>> memory;
                std::vector<OnDevice> results;
                for (std::size_t i = 0; i < found.size(); ++i) {
                    void* target = kind == 1 ? found[i].raw() : nullptr;
                    if (kind == 2)
                        target = memory.emplace_back(engine_->device()->allocate_host(found[i].bytes())).get();
                    if (kind == 3) target = results.emplace_back(found[i]).memory.get();
                    context.bind_output(i, found[i].dtype(), found[i].shape(), target, kind == 3);
                }
                context.run();
                if (kind < 3) found = outputs(context);
                for (std::size_t i = 0; i < results.size(); ++i) found[i] = results[i].read(wanted[i]);
                expect_equal(found, wanted);
            }
}

TEST_F(Execution, RunsBehindTheCallersWork) {
    Context context(engine_);
    std::vector<Tensor> images;
    for (std::uint32_t seed = 1; seed <= 4; ++seed) images.push_back(image(2, seed));
    const OnDevice input(Tensor::zeros(DType::f32, images[0].shape()));
    const auto result = engine_->device()->allocate_host(expected(images[0])[0].bytes());
    const auto stream = engine_->device()->adopt_stream(nullptr);
    for (const Tensor& x : images) {
        const auto wanted = expected(x);
        stream->upload(input.memory.get(), x.raw(), x.bytes());
        context.bind_input(0, DType::f32, x.shape(), input.memory.get(), true);
        context.bind_output(0, wanted[0].dtype(), wanted[0].shape(), result.get());
        context.enqueue(nullptr);
        stream->synchronize();
        expect_equal(outputs(context), wanted);
    }
}

TEST_F(Execution, OutputsMayStayOnTheDevice) {
    const Tensor x = image(1);
    const auto wanted = expected(x);
    Context context(engine_);
    context.device()->keep_outputs(true);
    context.bind_input(0, DType::f32, x.shape(), x.raw());
    context.run();
    const auto stream = engine_->device()->make_stream();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_TRUE(context.output_on_device(i));
        Tensor found = Tensor::zeros(wanted[i].dtype(), wanted[i].shape());
        stream->download(found.raw(), context.output(i).raw(), found.bytes());
        stream->synchronize();
        EXPECT_TRUE(found.equals(wanted[i]));
    }
}

TEST_F(Execution, TakenOutputsAreTheCallers) {
    Context context(engine_);
    std::vector<std::pair<Tensor, Tensor>> taken;
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        const Tensor x = image(1 + seed % 2, seed);
        context.bind_input(0, DType::f32, x.shape(), x.raw());
        context.run();
        taken.emplace_back(context.take_output(0), expected(x)[0]);
        if (seed % 3 == 0) taken.erase(taken.begin());
    }
    for (const auto& [found, wanted] : taken) EXPECT_TRUE(found.equals(wanted));
}

TEST_F(Execution, ShapesAndPlacesMayAlternate) {
    std::vector<Tensor> images;
    std::vector<std::vector<Tensor>> wanted;
    std::vector<OnDevice> places;
    for (const std::int64_t batch : {1, 6, 2, 3, 1, 6}) {
        images.push_back(image(batch, static_cast<std::uint32_t>(images.size() + 1)));
        wanted.push_back(expected(images.back()));
        places.emplace_back(images.back());
    }
    Context context(engine_);
    for (int round = 0; round < 4; ++round)
        for (std::size_t i = 0; i < images.size(); ++i) {
            const bool there = (i + static_cast<std::size_t>(round)) % 3 != 0;
            context.bind_input(0, DType::f32, images[i].shape(), there ? places[i].memory.get() : images[i].raw(),
                               there);
            context.run();
            expect_equal(outputs(context), wanted[i]);
            EXPECT_LE(context.device()->cached_graphs(), 4U);
        }
}

TEST_F(Execution, ManyThreadsShareAnEngine) {
    std::vector<std::thread> threads;
    std::vector<int> equal(8, 0);
    std::vector<Tensor> images;
    std::vector<std::vector<Tensor>> wanted;
    for (std::size_t k = 0; k < equal.size(); ++k) {
        images.push_back(image(1 + static_cast<std::int64_t>(k % 3), static_cast<std::uint32_t>(k + 1)));
        wanted.push_back(expected(images.back()));
    }
    for (std::size_t k = 0; k < equal.size(); ++k)
        threads.emplace_back([&, k] {
            Context context(engine_);
            context.bind_input(0, DType::f32, images[k].shape(), images[k].raw());
            for (int i = 0; i < 50; ++i) {
                context.run();
                equal[k] += context.output(0).equals(wanted[k][0]) && context.output(1).equals(wanted[k][1]);
            }
        });
    for (auto& thread : threads) thread.join();
    for (const int count : equal) EXPECT_EQ(count, 50);
}

TEST_F(Execution, AllocatesNothingOfItsOwnAfterWarmUp) {
    const Tensor x = image(2);
    const OnDevice there(x);
    for (const bool on_device : {false, true}) {
        Context context(engine_);
        context.bind_input(0, DType::f32, x.shape(), on_device ? there.memory.get() : x.raw(), on_device);
        for (int i = 0; i < 3; ++i) context.run();
        const Calls calls = count_calls([&] { context.run(); });
        EXPECT_EQ(calls.own_allocations, 0);
        const Calls enqueued = count_calls([&] { context.enqueue(nullptr); });
        EXPECT_LE(enqueued.own_allocations, 3) << "the caller's stream is adopted once";
        EXPECT_EQ(count_calls([&] { context.enqueue(nullptr); }).own_allocations, 0);
    }
}

TEST_F(Execution, EveryRunGivesTheSameBytes) {
    const Tensor x = image(6);
    const auto wanted = expected(x);
    Context context(engine_);
    context.bind_input(0, DType::f32, x.shape(), x.raw());
    for (int i = 0; i < 100; ++i) {
        context.run();
        expect_equal(outputs(context), wanted);
    }
}

TEST_F(Execution, EveryWayOfLaunchingGivesTheSameBytes) {
    const Tensor x = image(4);
    const auto wanted = expected(x);
    Context context(engine_);
    context.bind_input(0, DType::f32, x.shape(), x.raw());
    for (const bool branched : {true, false})
        for (const bool overlapped : {true, false}) {
            if (overlapped && !engine_->device()->overlaps()) continue;
            context.device()->launch({.overlapped = overlapped, .branched = branched});
            for (int round = 0; round < 20; ++round) {
                context.run();
                expect_equal(outputs(context), wanted);
            }
        }
}

TEST_F(Execution, BuildsTimeTheWaysOfLaunching) {
    const plan::TargetSection& target = engine_->target();
    ASSERT_EQ(target.launching_us.size(), engine_->device()->overlaps() ? 4U : 2U);
    for (const auto& [way, us] : target.launching_us) {
        EXPECT_GT(us, 0) << plan::to_string(way);
        if (way == target.launching) {
            EXPECT_LE(us, target.launching_us[0].second);
        }
    }
}

}  // namespace
}  // namespace fovea::runtime
