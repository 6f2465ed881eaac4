// The sensors of the pretended GPUs, under the name that fovea opens: a card that its power cap holds down, at 300 W.
#include <chrono>

#define NVML(name, parameters, ...)                                         \
    extern "C" __attribute__((visibility("default"))) int name parameters { \
        __VA_ARGS__                                                         \
        return 0;                                                           \
    }

NVML(nvmlInit_v2, (), {})
NVML(nvmlDeviceGetHandleByPciBusId_v2, (const char* address, const void** device), { *device = address; })
NVML(nvmlDeviceGetClockInfo, (void*, int kind, unsigned* megahertz), { *megahertz = kind == 1 ? 1500 : 2600; })
NVML(nvmlDeviceGetPowerUsage, (void*, unsigned* milliwatts), { *milliwatts = 300'000; })
NVML(nvmlDeviceGetTemperature, (void*, int, unsigned* celsius), { *celsius = 50; })
NVML(nvmlDeviceGetTotalEnergyConsumption, (void*, unsigned long long* millijoules), {
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now().time_since_epoch();
    *millijoules = static_cast<unsigned long long>(300 * time.count());
})
NVML(nvmlDeviceGetCurrentClocksThrottleReasons, (void*, unsigned long long* bits), { *bits = 0x4; })
