#include "backend/cuda/driver.hpp"

namespace fovea::backend::cuda {
namespace {

const Driver& table() {
    static const Driver kDriver;
    return kDriver;
}

/// Code and remedy of the results that users meet.
std::pair<ErrorCode, const char*> advice(CUresult result) {
    switch (result) {
        case CUDA_ERROR_OUT_OF_MEMORY:
            return {ErrorCode::out_of_range, "free memory on the GPU, or use a smaller batch or image"};
        case CUDA_ERROR_DEVICE_UNAVAILABLE:
            return {ErrorCode::unsupported, "another process has the GPU for itself; end it, or use another GPU"};
        case CUDA_ERROR_NO_DEVICE: return {ErrorCode::unsupported, "no GPU is visible; see nvidia-smi"};
        case CUDA_ERROR_INVALID_DEVICE: return {ErrorCode::invalid_argument, "there is no GPU of this number"};
        case CUDA_ERROR_NO_BINARY_FOR_GPU:
        case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
        case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
            return {ErrorCode::unsupported, "install a newer NVIDIA driver, or an older CUDA toolkit"};
        case CUDA_ERROR_ASSERT:
        case CUDA_ERROR_ECC_UNCORRECTABLE:
        case CUDA_ERROR_HARDWARE_STACK_ERROR:
        case CUDA_ERROR_ILLEGAL_ADDRESS:
        case CUDA_ERROR_ILLEGAL_INSTRUCTION:
        case CUDA_ERROR_INVALID_ADDRESS_SPACE:
        case CUDA_ERROR_INVALID_PC:
        case CUDA_ERROR_LAUNCH_FAILED:
        case CUDA_ERROR_LAUNCH_TIMEOUT:
        case CUDA_ERROR_MISALIGNED_ADDRESS:
            return {ErrorCode::internal, "this process cannot use the GPU any more: start it again and report it"};
        default: return {ErrorCode::internal, "report it, with the output of `fovea doctor`"};
    }
}

}  // namespace

void fail(const char* call, CUresult result) {
    const char *name = "unknown error", *text = "";
    table().error_name(result, &name);
    table().error_text(result, &text);
    const auto [code, remedy] = advice(result);
    throw Error(code, std::string("CUDA's ") + call + " failed: " + text + " (" + name + "); " + remedy);
}

const Driver& Driver::get() {
    static const bool ready = [] {
        table().init(0);
        return true;
    }();
    (void)ready;
    return table();
}

}  // namespace fovea::backend::cuda
