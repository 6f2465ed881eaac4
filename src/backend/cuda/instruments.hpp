#pragma once

#include <memory>

#include "backend/cuda/device.hpp"
#include "backend/instruments.hpp"

namespace fovea::backend::cuda {

/// Events, device attributes, NVML and NVTX of one GPU.
std::unique_ptr<Instruments> make_instruments(CUdevice device, const Facts& facts);

}  // namespace fovea::backend::cuda
