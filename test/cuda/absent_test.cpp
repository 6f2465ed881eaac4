// What a build without the CUDA backend says of it.
#include <gtest/gtest.h>

#include "backend/cuda/cuda.hpp"
#include "fovea/error.hpp"

namespace fovea::backend {
namespace {

TEST(WithoutCuda, TheReasonIsTheOptionOrTheHeaders) {
    const CudaStatus status = cuda_status();
    EXPECT_FALSE(status.usable);
    EXPECT_NE(status.text.find(FOVEA_WANTED), std::string::npos) << status.text;
    EXPECT_EQ(status.text.find(FOVEA_UNWANTED), std::string::npos) << status.text;
    try {
        (void)make_cuda_backend({});
        FAIL() << "made";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        EXPECT_EQ(error.what(), "the CUDA backend was " + status.text);
    }
}

}  // namespace
}  // namespace fovea::backend
