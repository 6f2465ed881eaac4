// Which kernels of a recording may start before the ones in front of them have ended, told by the pretended driver.
#include <cuda.h>
#include <gtest/gtest.h>

#include "backend/cuda/device.hpp"

extern "C" CUresult pretended_early_starts(int* count);

namespace fovea::test {
namespace {

using backend::cuda::CudaDevice;
using backend::cuda::CudaStream;
using backend::cuda::Driver;
using backend::cuda::Function;

class Recordings : public testing::Test {
  protected:
    /// As libraries do: with leave to start early, by the driver itself.
    void launch_foreign() {
        CUlaunchAttribute early = {};
        early.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
        early.value.programmaticStreamSerializationAllowed = 1;
        CUlaunchConfig launch = {};
        launch.hStream = stream_.handle();
        launch.attrs = &early;
        launch.numAttrs = 1;
        Driver::get().launch(&launch, foreign_, nullptr, nullptr);
    }
    void launch_own() { own_.launch(stream_, {1}, 32, nullptr); }

    /// Kernels with leave to start early in the recording of `enqueue`.
    int early_starts(bool overlap, const std::function<void()>& enqueue) {
        stream_.record([&] {
            stream_.overlap(overlap);
            enqueue();
            stream_.overlap(false);
        });
        int count = -1;
        pretended_early_starts(&count);
        return count;
    }

    void SetUp() override {
        const backend::cuda::Current current(device_->context());
        Driver::get().module_load(&module_, "made elsewhere");
        Driver::get().module_function(&foreign_, module_, "foreign");
    }
    void TearDown() override {
        const backend::cuda::Current current(device_->context());
        Driver::get().module_unload(module_);
    }

    std::shared_ptr<CudaDevice> device_ = std::make_shared<CudaDevice>(0);
    CudaStream stream_{device_};
    Function own_{device_, "the text of a kernel", "own"};
    CUmodule module_ = nullptr;
    CUfunction foreign_ = nullptr;
};

TEST_F(Recordings, LetOwnKernelsStartEarlyBehindOwnOnes) {
    const auto three = [&] {
        for (int i = 0; i < 3; ++i) launch_own();
    };
    EXPECT_EQ(early_starts(true, three), 2);
    EXPECT_EQ(early_starts(false, three), 0);
}

TEST_F(Recordings, LetNoKernelStartEarlyNextToALibrarys) {
    EXPECT_EQ(early_starts(false,
                           [&] {
                               launch_own();
                               launch_foreign();
                               launch_foreign();
                               launch_own();
                           }),
              0);
    EXPECT_EQ(early_starts(true,
                           [&] {
                               launch_own();
                               launch_own();
                               launch_foreign();
                               launch_own();
                           }),
              1);
}

}  // namespace
}  // namespace fovea::test
