#pragma once

#include <optional>
#include <string>

#include "backend/instruments.hpp"

namespace fovea::backend::cuda {

/// Reads the sensors of the GPU at this PCI address through NVML; nothing where its library is missing or refuses.
/// Sensors that this GPU lacks are left at 0.
std::optional<Sensors> read_sensors(const std::string& pci_address);

}  // namespace fovea::backend::cuda
