#include "cuda/fault_network.hpp"

#include "backend/cuda/cuda.hpp"
#include "backend/reference/reference.hpp"
#include "compiler/build.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"

namespace fovea::test {

void GpuTest::SetUp() {
    const auto status = backend::cuda_status();
    if (kRealDriver && !status.usable) GTEST_SKIP() << "skipped: no GPU: " << status.text;
    ASSERT_TRUE(status.usable) << status.text;
}

std::string network() {
    static int channels = 16;
    channels += 8;
    const std::string n = std::to_string(channels);
    return R"(graph "g" {
      input %x : f32[1, 8, 8, 8]
      const %w : f32[)" +
           n + R"(, 8, 3, 3] = random(1)
      const %v : f32[16, )" +
           n + R"(, 1, 1] = random(2)
      %c : f32[1, )" +
           n + R"(, 8, 8] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      %r : f32[1, )" +
           n + R"(, 8, 8] = Relu(%c)
      %p : f32[1, )" +
           n + R"(, 4, 4] = MaxPool(%r) {kernel_shape = [2, 2], strides = [2, 2]}
      %y : f32[1, 16, 4, 4] = Conv(%p, %v)
      output "y" = %y
    })";
}

runtime::Backends backends(int device) {
    return {backend::make_cuda_backend({device}), backend::make_reference_backend()};
}

std::shared_ptr<const runtime::Engine> build(const runtime::Backends& backends, const std::string& text, bool tune) {
    compiler::BuildOptions options;
    options.tune = tune;
    options.gate = kRealDriver ? compiler::GateMode::boxes : compiler::GateMode::off;
    return std::make_shared<const runtime::Engine>(compiler::build(ir::parse(text), backends, options), backends);
}

const Tensor& image() {
    static const Tensor tensor = Tensor::zeros(DType::f32, {1, 8, 8, 8});
    return tensor;
}

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

std::string build_and_run(const std::string& text, bool tune) {
    try {
        run(build(backends(), text, tune));
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

}  // namespace fovea::test
