#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.hpp"

namespace fovea::backend {

struct CudaOptions {
    int device = 0;
    bool tf32 = false;  ///< products of f32 tensors may be rounded to TF32
};

/// Kernels for one NVIDIA GPU. Throws `unsupported` where this build has no CUDA or the machine no driver or GPU,
/// `invalid_argument` when there is no GPU of this number.
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options);

/// A backend for a GPU of this compute capability (80, 90) that is not there: its kernels can be prepared, which
/// compiles them, and not run. Throws `unsupported` where this build has no CUDA or NVRTC is not found.
std::unique_ptr<Backend> make_cuda_compiler(int compute_capability, bool tf32 = false);

/// A line about CUDA here: the GPUs and library versions, or what is missing.
struct CudaStatus {
    bool usable = false;
    std::string text;                  ///< "driver 13.0, NVRTC 13.0" or why it cannot be used
    std::vector<std::string> devices;  ///< "cuda:0 NVIDIA H200, sm_90a, 132 processors, 139.8 GiB"
};
CudaStatus cuda_status();

}  // namespace fovea::backend
