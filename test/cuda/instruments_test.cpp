// What a GPU is measured with.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cuda/cuda.hpp"
#include "backend/instruments.hpp"

namespace fovea::backend {
namespace {

class CudaInstruments : public testing::Test {
  protected:
    void SetUp() override {
        if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
        backend_ = make_cuda_backend({});
        device_ = backend_->device();
        ASSERT_NE(device_->instruments(), nullptr);
    }

    std::unique_ptr<Backend> backend_;
    const Device* device_ = nullptr;
};

TEST_F(CudaInstruments, PeaksGrowAsTypesNarrow) {
    const Peaks peaks = device_->instruments()->peaks();
    const auto rate = [&](const std::string& type) {
        const auto it = std::find_if(peaks.flops_per_second.begin(), peaks.flops_per_second.end(),
                                     [&](const auto& peak) { return peak.first == type; });
        return it == peaks.flops_per_second.end() ? 0 : it->second;
    };
    EXPECT_EQ(peaks.flops_per_second.at(0).first, "f32");
    EXPECT_GT(rate("f32"), 5e12);
    EXPECT_GT(rate("tf32"), rate("f32"));
    EXPECT_GT(rate("f16"), rate("tf32"));
    EXPECT_EQ(rate("f16"), rate("bf16"));
    EXPECT_GT(rate("i8"), rate("f16"));
}

TEST_F(CudaInstruments, CopiesTakeTimeWithinTheMemorysSpeed) {
    constexpr std::size_t kBytes = std::size_t{64} << 20;
    const auto memory = device_->allocate(kBytes), host = device_->allocate_host(kBytes);
    const auto stream = device_->make_stream();
    const auto times = device_->instruments()->time(
        *stream, [&] { stream->upload(memory.get(), host.get(), kBytes); }, 5);
    ASSERT_EQ(times.size(), 5U);
    for (const double microseconds : times) {
        const double rate = static_cast<double>(kBytes) / microseconds * 1e6;
        EXPECT_GT(rate, 1e8);
        EXPECT_LT(rate, device_->instruments()->peaks().bytes_per_second);
    }
}

TEST_F(CudaInstruments, SensorsAreRead) {
    const auto before = device_->instruments()->sensors();
    if (!before) GTEST_SKIP() << "skipped: NVML was not found";
    EXPECT_GT(before->core_mhz, 0);
    EXPECT_GT(before->celsius, 0);
    const auto after = device_->instruments()->sensors();
    EXPECT_GE(after->joules, before->joules);
}

}  // namespace
}  // namespace fovea::backend
