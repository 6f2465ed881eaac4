// Plans on a device, without one: its memory is the host's, but kernels may touch nothing else, and run only when the
// stream does.
#include <gtest/gtest.h>

#include <cstring>

#include "backend/reference/reference.hpp"
#include "fovea/error.hpp"
#include "networks.hpp"

namespace fovea::runtime {
namespace {

using backend::KernelArgs;

class PretendRecording final : public backend::Recording {
  public:
    [[nodiscard]] std::size_t size() const override { return work.size(); }
    std::vector<std::function<void()>> work;
};

class PretendStream final : public backend::Stream {
  public:
    void submit(std::function<void()> work) { (recording_ ? recording_->work : queue_).push_back(std::move(work)); }
    void upload(std::byte* device, const std::byte* host, std::size_t bytes) override {
        submit([=] { std::memcpy(device, host, bytes); });
    }
    void download(std::byte* host, const std::byte* device, std::size_t bytes) override {
        submit([=] { std::memcpy(host, device, bytes); });
    }
    void copy(std::byte* target, const std::byte* source, std::size_t bytes) override {
        submit([=] { std::memcpy(target, source, bytes); });
    }
    void synchronize() override {
        for (const auto& work : queue_) work();
        queue_.clear();
    }
    void mark(std::size_t) override {}
    void await(std::size_t) override { synchronize(); }
    void wait_for(const Stream& other, std::size_t) override {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): only one queue at a time
        const_cast<PretendStream&>(static_cast<const PretendStream&>(other)).synchronize();
    }
    std::unique_ptr<backend::Recording> record(const std::function<void()>& enqueue) override {
        auto recording = std::make_unique<PretendRecording>();
        recording_ = recording.get();
        enqueue();
        recording_ = nullptr;
        return recording;
    }
    void replay(const backend::Recording& recording) override {
        for (const auto& work : static_cast<const PretendRecording&>(recording).work) queue_.push_back(work);
    }
    double time(const backend::Recording& recording, int) override {
        replay(recording);
        synchronize();
        return 1;
    }

  private:
    PretendRecording* recording_ = nullptr;
    std::vector<std::function<void()>> queue_;
};

class PretendDevice final : public backend::Device {
  public:
    [[nodiscard]] int number() const override { return 0; }
    [[nodiscard]] std::shared_ptr<std::byte> allocate(std::size_t bytes) const override {
        const auto memory = backend::PackedConstants::allocate(bytes);
        blocks_[memory.get()] = std::max<std::size_t>(bytes, 1);
        return {memory.get(), [this, memory](std::byte* p) { blocks_.erase(p); }};
    }
    [[nodiscard]] std::shared_ptr<std::byte> allocate_host(std::size_t bytes) const override {
        return backend::PackedConstants::allocate(bytes);
    }
    [[nodiscard]] backend::MemoryKind kind_of(const void* pointer) const override {
        return owns(static_cast<const std::byte*>(pointer)) ? backend::MemoryKind::device
                                                            : backend::MemoryKind::pageable;
    }
    [[nodiscard]] std::unique_ptr<backend::Stream> make_stream() const override {
        return std::make_unique<PretendStream>();
    }
    [[nodiscard]] std::unique_ptr<backend::Stream> adopt_stream(void*) const override { return make_stream(); }
    [[nodiscard]] bool owns(const std::byte* pointer) const {
        auto block = blocks_.upper_bound(pointer);
        return block != blocks_.begin() && pointer < std::prev(block)->first + std::prev(block)->second;
    }

  private:
    mutable std::map<const std::byte*, std::size_t> blocks_;
};

class PretendKernel final : public backend::Kernel {
  public:
    /// `packed`: by input, whether it is a constant of the graph, which kernels may have packed.
    PretendKernel(std::shared_ptr<const backend::Kernel> kernel, const PretendDevice& device, std::vector<bool> packed)
        : kernel_(std::move(kernel)), device_(device), packed_(std::move(packed)) {}
    void run(const KernelArgs& args) const override {
        for (std::size_t i = 0; i < packed_.size(); ++i) EXPECT_TRUE(packed_[i] || device_.owns(args.inputs[i]));
        static_cast<PretendStream*>(args.stream)->submit([kernel = kernel_, args] { kernel->run(args); });
        EXPECT_TRUE(device_.owns(args.outputs[0]));
    }

  private:
    std::shared_ptr<const backend::Kernel> kernel_;
    const PretendDevice& device_;
    std::vector<bool> packed_;
};

class HostKernel final : public backend::Kernel {
  public:
    HostKernel(std::unique_ptr<backend::Kernel> kernel, const PretendDevice& device)
        : kernel_(std::move(kernel)), device_(device) {}
    void run(const KernelArgs& args) const override {
        EXPECT_FALSE(device_.owns(args.outputs[0]));
        kernel_->run(args);
    }
    [[nodiscard]] bool on_host() const override { return true; }

  private:
    std::unique_ptr<backend::Kernel> kernel_;
    const PretendDevice& device_;
};

/// The reference's kernels on the device, but for attention, which runs on the host.
class PretendBackend final : public backend::Backend {
  public:
    [[nodiscard]] std::string_view name() const override { return "pretend"; }
    [[nodiscard]] std::string target() const override { return "pretend"; }
    [[nodiscard]] const backend::Device* device() const override { return &device_; }
    [[nodiscard]] std::size_t matcher_count() const override { return 1; }
    std::variant<backend::Region, backend::Refusal> match(std::size_t matcher, const backend::MatchContext& context,
                                                          ir::NodeId root) const override {
        auto region = reference_->match(matcher, context, root);
        std::get<backend::Region>(region).pattern = "pretend";  // the gate checks what is no reference
        return region;
    }
    [[nodiscard]] std::vector<backend::Tactic> tactics(const backend::RegionContext& context) const override {
        return reference_->tactics(context);
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        auto kernel = reference_->prepare(context, tactic);
        if (context.node(0).op == "Attention") return std::make_unique<HostKernel>(std::move(kernel), device_);
        std::vector<bool> packed;
        for (const ir::ValueId input : context.region.inputs)
            packed.push_back(context.graph.constant(input) != nullptr);
        return std::make_unique<PretendKernel>(std::move(kernel), device_, std::move(packed));
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> conversion(const backend::TensorDesc& from,
                                                              const backend::TensorDesc& to) const override {
        return std::make_unique<PretendKernel>(reference_->conversion(from, to), device_, std::vector<bool>(1));
    }

  private:
    PretendDevice device_;
    std::unique_ptr<backend::Backend> reference_ = backend::make_reference_backend();
};

class Devices : public testing::Test {
  protected:
    void SetUp() override {
        const std::shared_ptr<const backend::Backend> reference = backend::make_reference_backend();
        const Backends host = {reference}, device = {std::make_shared<const PretendBackend>(), reference};
        compiler::BuildOptions options;
        options.tune = false;
        expected_ = std::make_shared<const Engine>(compiler::build(ir::parse(kNetwork), host, options), host);
        engine_ = std::make_shared<const Engine>(compiler::build(ir::parse(kNetwork), device, options), device);
        for (std::uint32_t seed : {1u, 2u})
            images_.push_back(compiler::random_inputs(engine_->plan().graph, {{1, 3, 32, 32}}, seed)[0]);
    }

    [[nodiscard]] std::vector<float> expected(const Tensor& image) const {
        Context context(expected_);
        context.bind_input(0, DType::f32, image.shape(), image.raw());
        context.run();
        return context.output(0).to_float();
    }

    std::shared_ptr<const Engine> expected_, engine_;
    std::vector<Tensor> images_;
};

TEST_F(Devices, GateProvesThePlan) {
    EXPECT_FALSE(engine_->target().certificate.kernels.empty());
    EXPECT_EQ(engine_->target().certificate.outputs.size(), 1U);
}

TEST_F(Devices, RunEqualsTheHost) {
    Context context(engine_);
    for (const Tensor& image : images_) {
        context.bind_input(0, DType::f32, image.shape(), image.raw());
        context.run();
        EXPECT_EQ(context.output(0).to_float(), expected(image));
    }
    EXPECT_EQ(context.device()->recordings(), 2U) << "one in front of the step on the host and one behind";
}

TEST_F(Devices, InputsAndOutputsStayOnTheDevice) {
    Context context(engine_);
    context.device()->keep_outputs(true);
    for (const Tensor& image : images_) {
        const auto memory = engine_->device()->allocate(image.bytes());
        std::memcpy(memory.get(), image.raw(), image.bytes());
        context.bind_input(0, DType::f32, image.shape(), memory.get(), true);
        context.run();
        const auto wanted = expected(image);
        std::vector<float> found(wanted.size());
        std::memcpy(found.data(), context.device()->device_output(0), found.size() * sizeof(float));
        EXPECT_EQ(found, wanted);
    }
}

TEST(HostCopies, MoveEveryByteInPieces) {
    const std::size_t bytes = 5'000'123;
    std::vector<std::byte> source(bytes), staging(bytes), device(bytes), back_staging(bytes), back(bytes);
    for (std::size_t i = 0; i < bytes; ++i) source[i] = static_cast<std::byte>(i * 7 + i / 251);
    PretendStream stream;
    HostCopies copies;
    HostCopies::upload(stream, device.data(), source.data(), staging.data(), bytes);
    copies.download(stream, back.data(), device.data(), back_staging.data(), bytes);
    copies.finish(stream);
    EXPECT_TRUE(back == source);
}

TEST_F(Devices, OutputsGoWhereTheyAreBound) {
    Context context(engine_), host(expected_);
    for (const Tensor& image : images_) {
        const auto wanted = expected(image);
        Tensor found = Tensor::zeros(DType::f32, {1, 256, 16});
        const auto memory = engine_->device()->allocate(found.bytes());
        for (auto* runner : {&context, &host}) {
            runner->bind_input(0, DType::f32, image.shape(), image.raw());
            runner->bind_output(0, DType::f32, found.shape(), found.raw());
            runner->run();
            EXPECT_EQ(found.to_float(), wanted);
            found = Tensor::zeros(DType::f32, found.shape());
        }
        context.bind_output(0, DType::f32, found.shape(), memory.get(), true);
        context.run();
        std::memcpy(found.raw(), memory.get(), found.bytes());
        EXPECT_EQ(found.to_float(), wanted);
        context.bind_output(0, DType::f32, {}, nullptr);
        context.run();
        EXPECT_EQ(context.output(0).to_float(), wanted);
    }
    context.bind_output(0, DType::f32, images_[0].shape(), images_[0].raw());
    EXPECT_THROW(context.run(), Error) << "another shape";
}

TEST(DeviceConstants, KnownByTheShapesLieOnTheDevice) {
    const Backends device = {std::make_shared<const PretendBackend>(), backend::make_reference_backend()};
    compiler::BuildOptions options;
    options.tune = false;
    options.profile["x"] = {{1, 4}, {2, 4}, {8, 4}};
    const auto engine = std::make_shared<const Engine>(compiler::build(ir::parse(R"(graph "g" {
      input %x : f32[n, 4]
      %s : i64[2] = Shape(%x)
      %c : f32[*] = ConstantOfShape(%s)
      %y : f32[*] = Max(%x, %c)
      output "y" = %y
    })"),
                                                                       device, options),
                                                       device);
    const std::vector<float> signs = {-1, 2, -3, 4, 5, -6, 7, -8};
    Context context(engine);
    context.bind_input(0, DType::f32, Shape{2, 4}, signs.data());
    context.run();
    EXPECT_EQ(context.output(0).to_float(), (std::vector<float>{0, 2, 0, 4, 5, 0, 7, 0}));
}

TEST(DeviceTuner, TimesWhereTheKernelsRun) {
    const Backends device = {std::make_shared<const PretendBackend>(), backend::make_reference_backend()};
    const plan::Plan plan = compiler::build(ir::parse(R"(graph "g" {
      input %x : f32[2, 3]
      %y : f32[2, 3] = Relu(%x)
      output "y" = %y
    })"),
                                            device, {});
    EXPECT_GT(plan.targets.at(0).steps.at(0).measured_us, 0);
}

TEST_F(Devices, HostPlansTakeHostMemoryOnly) {
    Context context(expected_);
    EXPECT_THROW(context.bind_input(0, DType::f32, images_[0].shape(), images_[0].raw(), true), Error);
}

}  // namespace
}  // namespace fovea::runtime
