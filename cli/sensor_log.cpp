#include "sensor_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

namespace fovea::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Reading takes the driver's time, which the measured runs need.
constexpr std::chrono::milliseconds kPause{100};
/// Larger changes of the clock, or between the halves of a measurement, make it unsteady.
constexpr double kSteady = 0.02;

}  // namespace

SensorLog::SensorLog(const backend::Instruments& instruments)
    : instruments_(instruments), thread_([this](const std::stop_token& stop) { read(stop); }) {}

void SensorLog::read(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    const auto start = Clock::now();
    while (true) {
        const bool last = stop.stop_requested();
        const auto sensors = instruments_.sensors();
        if (!sensors) return;
        readings_.push_back(*sensors);
        seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
        if (last) return;
        std::unique_lock lock(mutex);
        wake.wait_for(lock, stop, kPause, [] { return false; });
    }
}

SensorLog::Summary SensorLog::finish() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    Summary summary;
    summary.readings = readings_.size();
    if (readings_.empty()) return summary;
    summary.seconds = seconds_;
    summary.joules = readings_.back().joules - readings_.front().joules;
    summary.least_core_mhz = readings_.front().core_mhz;
    for (const backend::Sensors& reading : readings_) {
        summary.least_core_mhz = std::min(summary.least_core_mhz, reading.core_mhz);
        summary.most_core_mhz = std::max(summary.most_core_mhz, reading.core_mhz);
        summary.memory_mhz = std::max(summary.memory_mhz, reading.memory_mhz);
        summary.most_celsius = std::max(summary.most_celsius, reading.celsius);
        summary.watts += reading.watts / static_cast<double>(readings_.size());
        for (const std::string& reason : reading.throttled)
            if (std::find(summary.throttled.begin(), summary.throttled.end(), reason) == summary.throttled.end())
                summary.throttled.push_back(reason);
    }
    return summary;
}

std::vector<std::string> unsteady(double drift, const SensorLog::Summary& sensors) {
    std::vector<std::string> reasons;
    if (std::fabs(drift) > kSteady)
        reasons.push_back(fmt::format("the second half of the runs was {:.1f} % {} than the first",
                                      100 * std::fabs(drift), drift > 0 ? "slower" : "faster"));
    if (sensors.most_core_mhz - sensors.least_core_mhz > kSteady * sensors.most_core_mhz)
        reasons.push_back(fmt::format("the clock moved between {:.0f} and {:.0f} MHz", sensors.least_core_mhz,
                                      sensors.most_core_mhz));
    for (const std::string& reason : sensors.throttled) reasons.push_back("clocks were held down: " + reason);
    return reasons;
}

nlohmann::ordered_json describe(const SensorLog::Summary& sensors, std::size_t runs) {
    if (sensors.readings == 0) return nullptr;
    return {{"readings", sensors.readings},
            {"seconds", sensors.seconds},
            {"least_core_mhz", sensors.least_core_mhz},
            {"most_core_mhz", sensors.most_core_mhz},
            {"memory_mhz", sensors.memory_mhz},
            {"watts", sensors.watts},
            {"most_celsius", sensors.most_celsius},
            {"throttled", sensors.throttled},
            {"joules_per_run", runs ? sensors.joules / static_cast<double>(runs) : 0}};
}

}  // namespace fovea::cli
