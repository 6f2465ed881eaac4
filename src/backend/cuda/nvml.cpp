#include "backend/cuda/nvml.hpp"

#include <map>
#include <mutex>

#include "backend/cuda/library.hpp"

namespace fovea::backend::cuda {
namespace {

// NVML's header is no part of the toolkit. These declarations follow NVIDIA's "NVML API Reference Guide"; the library
// keeps them stable.
using NvmlDevice = struct nvmlDevice_st*;
constexpr int kSuccess = 0;
constexpr int kClockSm = 1, kClockMemory = 2, kTemperatureGpu = 0;

struct Reason {
    unsigned long long bit;
    const char* text;
};
/// An idle GPU (bit 0) is no reason.
constexpr Reason kReasons[] = {{0x2, "application clocks"},  {0x4, "power cap"},      {0x8, "hardware slowdown"},
                               {0x10, "synchronised boost"}, {0x20, "temperature"},   {0x40, "temperature (hardware)"},
                               {0x80, "power brake"},        {0x100, "display clock"}};

struct Nvml : Library {
    Nvml() : Library("NVML", {"libnvidia-ml.so.1"}, "it comes with NVIDIA's driver") {}

    int (*init)() = function("nvmlInit_v2");
    int (*device)(const char* pci_address, NvmlDevice* device) = function("nvmlDeviceGetHandleByPciBusId_v2");
    int (*clock)(NvmlDevice device, int kind, unsigned* megahertz) = function("nvmlDeviceGetClockInfo");
    int (*power)(NvmlDevice device, unsigned* milliwatts) = function("nvmlDeviceGetPowerUsage");
    int (*temperature)(NvmlDevice device, int sensor, unsigned* celsius) = function("nvmlDeviceGetTemperature");
    int (*energy)(NvmlDevice device, unsigned long long* millijoules) = function("nvmlDeviceGetTotalEnergyConsumption");
    int (*throttle_reasons)(NvmlDevice device,
                            unsigned long long* bits) = function("nvmlDeviceGetCurrentClocksThrottleReasons");

    /// nullptr where it cannot be used.
    static const Nvml* get() {
        static const bool kReady = table_of<Nvml>() && table_of<Nvml>()->init() == kSuccess;
        return kReady ? table_of<Nvml>() : nullptr;
    }
};

}  // namespace

std::optional<Sensors> read_sensors(const std::string& pci_address) {
    const Nvml* nvml = Nvml::get();
    NvmlDevice device = nullptr;
    if (!nvml || nvml->device(pci_address.c_str(), &device) != kSuccess) return std::nullopt;
    Sensors sensors;
    unsigned value = 0;
    unsigned long long wide = 0;
    if (nvml->clock(device, kClockSm, &value) == kSuccess) sensors.core_mhz = value;
    if (nvml->clock(device, kClockMemory, &value) == kSuccess) sensors.memory_mhz = value;
    if (nvml->power(device, &value) == kSuccess) sensors.watts = value / 1e3;
    if (nvml->temperature(device, kTemperatureGpu, &value) == kSuccess) sensors.celsius = value;
    if (nvml->energy(device, &wide) == kSuccess) sensors.joules = static_cast<double>(wide) / 1e3;
    if (nvml->throttle_reasons(device, &wide) == kSuccess)
        for (const Reason& reason : kReasons)
            if (wide & reason.bit) sensors.throttled.emplace_back(reason.text);
    return sensors;
}

}  // namespace fovea::backend::cuda
