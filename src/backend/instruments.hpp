#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fovea::backend {

class Stream;

/// What a device's sensors say at one moment; 0 and empty where they say nothing.
struct Sensors {
    double core_mhz = 0, memory_mhz = 0;
    double watts = 0, celsius = 0;
    double joules = 0;                   ///< used since the driver was loaded
    std::vector<std::string> throttled;  ///< why the clocks are below what they could be, e.g. "power cap"
};

/// Upper bounds of a device's speed by its data, at its highest clocks.
struct Peaks {
    std::vector<std::pair<std::string, double>> flops_per_second;  ///< by type, "f32" first; "tf32" is f32's products
    double bytes_per_second = 0;                                   ///< of its memory
};

/// What measurements ask of a device. Safe for many threads.
class Instruments {
  public:
    virtual ~Instruments() = default;
    [[nodiscard]] virtual Peaks peaks() const = 0;
    /// Nothing where the sensors cannot be read.
    [[nodiscard]] virtual std::optional<Sensors> sensors() const = 0;
    /// Microseconds of device time of what each of `repeats` calls of `enqueue` puts into `stream`, waiting for each.
    [[nodiscard]] virtual std::vector<double> time(Stream& stream, const std::function<void()>& enqueue,
                                                   int repeats) const = 0;
    /// Names, for an attached profiler, what the calling thread enqueues until `end_range`.
    virtual void begin_range(const std::string& name) const = 0;
    virtual void end_range() const = 0;
};

}  // namespace fovea::backend
