#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace fovea::backend::cuda {

/// Version of NVRTC as "13.0"; throws `unsupported` where it is not found.
std::string nvrtc_version();

/// Machine code for `architecture` ("sm_80", "sm_90a"). Throws `internal` with the compiler's messages when the source
/// is wrong, `unsupported` where NVRTC is not found.
std::vector<char> nvrtc_compile(const std::string& source, const std::string& name, const std::string& architecture);

/// As `nvrtc_compile`, from memory or from the disk where this source was compiled before by the same NVRTC with the
/// same options. Safe for many threads and processes. The files lie in FOVEA_CUDA_CACHE, else below XDG_CACHE_HOME or
/// ~/.cache in fovea/cuda; where none can be written, nothing is kept. The result stays where it is until the process
/// ends.
const std::vector<char>& compile(const std::string& source, const std::string& name, const std::string& architecture);

}  // namespace fovea::backend::cuda
