#include "backend/cuda/cuda.hpp"

#include "fovea/error.hpp"

// Stands in for the backend where this was built without it.
namespace fovea::backend {

namespace {
#ifdef FOVEA_CUDA_OFF
constexpr const char* kReason = "left out of this build: it was configured with FOVEA_CUDA=OFF; build again with ON";
#else
constexpr const char* kReason =
    "left out of this build: CUDA's headers were not found; install the CUDA 13 toolkit, set CUDA_PATH, or run "
    "scripts/setup --cuda-wheels, and build again";
#endif
}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions&) {
    throw Error(ErrorCode::unsupported, std::string("the CUDA backend was ") + kReason);
}

std::unique_ptr<Backend> make_cuda_compiler(int, bool) { return make_cuda_backend({}); }

CudaStatus cuda_status() { return {false, kReason, {}}; }

}  // namespace fovea::backend
