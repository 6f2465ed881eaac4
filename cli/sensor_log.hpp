#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <vector>

#include "backend/instruments.hpp"

namespace fovea::cli {

/// Reads a device's sensors at a steady pace while something is measured.
class SensorLog {
  public:
    explicit SensorLog(const backend::Instruments& instruments);

    /// What was seen until now; ends the log.
    struct Summary {
        std::size_t readings = 0;  ///< 0: the sensors cannot be read
        double seconds = 0, joules = 0;
        double least_core_mhz = 0, most_core_mhz = 0, memory_mhz = 0, watts = 0, most_celsius = 0;
        std::vector<std::string> throttled;  ///< every reason that was seen
    };
    Summary finish();

  private:
    void read(const std::stop_token& stop);

    const backend::Instruments& instruments_;
    std::vector<backend::Sensors> readings_;
    double seconds_ = 0;
    std::jthread thread_;
};

/// Why a measurement with this drift and these sensors is not steady; empty where it is.
std::vector<std::string> unsteady(double drift, const SensorLog::Summary& sensors);

/// As JSON, with what one of `runs` used.
nlohmann::ordered_json describe(const SensorLog::Summary& sensors, std::size_t runs);

}  // namespace fovea::cli
