#include "compiler/gate.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "compiler/comparison.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "wrapped_cpu_backend.hpp"

namespace fovea::compiler {
namespace {

/// Changes a kernel's result after the kernel has run.
using Fault = void (*)(const backend::TensorDesc& desc, float* output);

class FaultyKernel final : public backend::Kernel {
  public:
    FaultyKernel(std::unique_ptr<Kernel> right, backend::TensorDesc desc, Fault fault)
        : right_(std::move(right)), desc_(std::move(desc)), fault_(fault) {}
    void run(const backend::KernelArgs& args) const override {
        right_->run(args);
        fault_(desc_, reinterpret_cast<float*>(args.outputs[0]));
    }
    [[nodiscard]] std::unique_ptr<backend::KernelState> make_state() const override { return right_->make_state(); }
    [[nodiscard]] std::size_t workspace_bytes() const override { return right_->workspace_bytes(); }

  private:
    std::unique_ptr<Kernel> right_;
    backend::TensorDesc desc_;
    Fault fault_;
};

/// The CPU backend with one pattern of kernels broken.
class FaultyBackend final : public WrappedCpuBackend {
  public:
    FaultyBackend(std::string pattern, Fault fault) : pattern_(std::move(pattern)), fault_(fault) {}
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        auto kernel = cpu().prepare(context, tactic);
        if (context.region.pattern != pattern_) return kernel;
        return std::make_unique<FaultyKernel>(std::move(kernel), context.output_desc(0, tactic), fault_);
    }

  private:
    std::string pattern_;
    Fault fault_;
};

constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32[n, 16, 40, 36]
  const %w : f32[24, 16, 3, 3] = random(1)
  %c : f32[*] = Conv(%x, %w) {pads = [1, 1, 1, 1]} name "conv1" from ["conv1"]
  %y : f32[*] = Softmax(%c) {axis = 1} name "softmax1" from ["softmax1"]
  output "y" = %y
})";

std::string refusal(const std::string& pattern, Fault fault) {
    ir::Graph graph = ir::parse(kNetwork);
    BuildOptions options;
    options.tune = false;
    options.threads = 2;
    options.profile["x"] = {{1, 16, 40, 36}, {1, 16, 40, 36}, {4, 16, 40, 36}};
    try {
        build(graph, {std::make_shared<FaultyBackend>(pattern, fault)}, options);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::numerics);
        return error.what();
    }
    return "accepted";
}

std::int64_t per_image(const backend::TensorDesc& desc) { return base::element_count(desc.shape) / desc.shape[0]; }

TEST(Gate, AcceptsTheRightKernels) {
    EXPECT_EQ(refusal("none of them", [](const backend::TensorDesc&, float*) {}), "accepted");
}

TEST(Gate, RefusesAWrongBatchStride) {
    const auto message = refusal("conv", [](const backend::TensorDesc& desc, float* y) {
        for (std::int64_t n = 1; n < desc.shape[0]; ++n) std::copy_n(y, per_image(desc), y + n * per_image(desc));
    });
    EXPECT_NE(message.find("conv1"), std::string::npos) << message;
}

TEST(Gate, RefusesAWrongTileEdge) {
    const auto message = refusal("conv", [](const backend::TensorDesc& desc, float* y) {
        const std::int64_t channels = desc.shape[1], width = desc.shape[3], height = desc.shape[2];
        for (std::int64_t row = 0; row < height; ++row)
            for (std::int64_t column = 15; column < width; column += 16)
                for (std::int64_t c = 0; c < channels; ++c) y[(row * width + column) * channels + c] *= 0.5f;
    });
    EXPECT_NE(message.find("conv1"), std::string::npos) << message;
}

TEST(Gate, RefusesAWrongFusedSoftmax) {
    const auto message = refusal("softmax", [](const backend::TensorDesc& desc, float* y) {
        for (std::int64_t i = 0; i < base::element_count(desc.shape); ++i) y[i] *= 1.01f;
    });
    EXPECT_NE(message.find("softmax1"), std::string::npos) << message;
}

TEST(Gate, RefusesASwappedChannel) {
    const auto message = refusal("conv", [](const backend::TensorDesc& desc, float* y) {
        const std::int64_t channels = desc.shape[1];
        for (std::int64_t pixel = 0; pixel < base::element_count(desc.shape) / channels; ++pixel)
            std::swap(y[pixel * channels + 4], y[pixel * channels + 5]);
    });
    EXPECT_NE(message.find("conv1"), std::string::npos) << message;
}

TEST(Compare, SignalIsWhatVariesWithinChannels) {
    // Channels with means of 100 and -100 vary by 1; an error of 0.1 is 20 dB below that, wherever the channels' axis
    // is.
    const auto images = Tensor::from<float>({1, 2, 2}, std::vector<float>{101, 99, -99, -101});
    const auto sequences = Tensor::from<float>({1, 2, 2}, std::vector<float>{101, -99, 99, -101});
    for (const Tensor& expected : {images, sequences}) {
        Tensor found = expected.clone();
        for (float& value : found.as<float>()) value += 0.1f;
        EXPECT_NEAR(compare(found, expected).snr_db, 20, 0.01);
        EXPECT_NEAR(compare(found, expected).max_error, 0.1 / 101, 1e-6);
    }
}

TEST(Compare, SingleValuesPerChannelVaryAmongThemselves) {
    const auto expected = Tensor::from<float>({1, 4}, std::vector<float>{11, 9, 11, 9});
    const auto found = Tensor::from<float>({1, 4}, std::vector<float>{11.1f, 9.1f, 11.1f, 9.1f});
    EXPECT_NEAR(compare(found, expected).snr_db, 20, 0.01);
}

TEST(Compare, OtherShapesAndNotANumberAreInfinitelyWrong) {
    const auto two = Tensor::from<float>({2}, std::vector<float>{1, 2}),
               three = Tensor::from<float>({3}, std::vector<float>{1, 2, 3});
    EXPECT_EQ(compare(two, three).max_error, INFINITY);
    EXPECT_EQ(compare(Tensor::from<float>({2}, std::vector<float>{1, NAN}), two).max_error, INFINITY);
}

}  // namespace
}  // namespace fovea::compiler
