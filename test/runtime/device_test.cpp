// Plans on a device, without one.
#include <gtest/gtest.h>

#include <cstring>

#include "fovea/error.hpp"
#include "networks.hpp"
#include "pretend_device.hpp"

namespace fovea::runtime {
namespace {

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

TEST_F(Devices, MemoryOfADeviceIsRefusedWhereThereIsNone) {
    Context context(expected_);
    try {
        context.bind_input(0, DType::f32, images_[0].shape(), images_[0].raw(), true);
        FAIL() << "bound";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("copy it to the host, or run on the GPU"), std::string::npos)
            << error.what();
    }
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
