#include "backend/cuda/instruments.hpp"

#include "backend/cuda/nvml.hpp"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define FOVEA_NVTX 1
#endif

namespace fovea::backend::cuda {
namespace {

/// Dense operations (a multiply-add is two) that one multiprocessor does in a clock.
/// Source: the architectures' white papers by NVIDIA; CUDA C++ Programming Guide, "Arithmetic Instructions".
struct Throughput {
    int compute_capability;  ///< and newer ones up to the next row
    double f32, tf32, f16, i8;
};
constexpr Throughput kThroughputs[] = {
    {80, 128, 1024, 2048, 4096},   {86, 256, 512, 1024, 2048},  {90, 256, 2048, 4096, 8192},
    {100, 256, 4096, 8192, 16384}, {120, 256, 512, 1024, 2048},
};

Throughput throughput_of(int compute_capability) {
    Throughput found = kThroughputs[0];
    for (const Throughput& row : kThroughputs)
        if (compute_capability >= row.compute_capability) found = row;
    return found;
}

class CudaInstruments final : public Instruments {
  public:
    CudaInstruments(CUdevice device, const Facts& facts) : device_(device), facts_(facts) {
        char text[32] = {};
        if (Driver::get().device_pci_address.quiet(text, sizeof text, device) == CUDA_SUCCESS) pci_address_ = text;
    }

    [[nodiscard]] Peaks peaks() const override {
        const double clocks = 1e3 * attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE) * facts_.multiprocessors;
        const Throughput per_clock = throughput_of(facts_.compute_capability);
        // Memory transfers twice in a clock.
        const double bytes = 2 * 1e3 * attribute(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE) *
                             attribute(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH) / 8;
        Peaks peaks{{{"f32", per_clock.f32 * clocks},
                     {"tf32", per_clock.tf32 * clocks},
                     {"f16", per_clock.f16 * clocks},
                     {"bf16", per_clock.f16 * clocks},
                     {"i8", per_clock.i8 * clocks}},
                    bytes};
        if (facts_.compute_capability >= 89) peaks.flops_per_second.emplace_back("f8e4m3fn", per_clock.i8 * clocks);
        return peaks;
    }

    [[nodiscard]] std::optional<Sensors> sensors() const override { return read_sensors(pci_address_); }

    [[nodiscard]] std::vector<double> time(Stream& stream, const std::function<void()>& enqueue,
                                           int repeats) const override {
        const Driver& driver = Driver::get();
        const auto& queue = static_cast<const CudaStream&>(stream);
        const CUstream handle = queue.handle();
        stream.synchronize();
        const Current current(queue.context());
        const Event start(CU_EVENT_DEFAULT), stop(CU_EVENT_DEFAULT);
        std::vector<double> microseconds;
        for (int i = 0; i < repeats; ++i) {
            driver.event_record(start.handle(), handle);
            enqueue();
            driver.event_record(stop.handle(), handle);
            driver.event_synchronize(stop.handle());
            float milliseconds = 0;
            driver.event_elapsed(&milliseconds, start.handle(), stop.handle());
            microseconds.push_back(1e3 * static_cast<double>(milliseconds));
        }
        return microseconds;
    }

    void begin_range([[maybe_unused]] const std::string& name) const override {
#ifdef FOVEA_NVTX
        nvtxRangePushA(name.c_str());
#endif
    }
    void end_range() const override {
#ifdef FOVEA_NVTX
        nvtxRangePop();
#endif
    }

  private:
    [[nodiscard]] double attribute(CUdevice_attribute which) const {
        int value = 0;
        Driver::get().device_attribute(&value, which, device_);
        return value;
    }

    CUdevice device_;
    Facts facts_;
    std::string pci_address_;
};

}  // namespace

std::unique_ptr<Instruments> make_instruments(CUdevice device, const Facts& facts) {
    return std::make_unique<CudaInstruments>(device, facts);
}

}  // namespace fovea::backend::cuda
