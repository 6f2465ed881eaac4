#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench_runner.hpp"
#include "latency.hpp"

namespace fovea::cli {

/// Order statistics as JSON, in microseconds.
nlohmann::ordered_json describe(const Latency& latency);

/// The parts of a run on a device, and what the device's sensors said while `runner`, whose tensors stay there, ran for
/// the time that `schedule` says; `runner` has run before. `resident` are the times of those runs.
nlohmann::ordered_json measure_device(const Engine& engine, BenchRunner& runner, const Schedule& schedule,
                                      Latency& resident);

/// Runs finished per second by contexts with a stream each, for some numbers of contexts, their tensors on the device
/// and in host memory.
nlohmann::ordered_json measure_streams(const Engine& engine, const Tensors& inputs, const Schedule& schedule);

/// Lines for what the two gave.
std::string device_text(const nlohmann::ordered_json& row);

}  // namespace fovea::cli
