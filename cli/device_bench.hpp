#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench_runner.hpp"
#include "latency.hpp"

namespace fovea::cli {

/// Order statistics as JSON, in microseconds.
nlohmann::ordered_json describe(const Latency& latency);

/// A coordinate of a sweep's point, a number or a text.
std::string text_of(const nlohmann::ordered_json& value);

/// The main order statistics as text: "median 1.23 ms, p90 …, p99 …, spread 0.4 %".
std::string figures(const nlohmann::ordered_json& latency);

/// The parts of a run on a device, and what the device's sensors said while `runner`, whose tensors stay there, ran for
/// the time that `schedule` says; `runner` has run before. `resident` are the times of those runs.
nlohmann::ordered_json measure_device(const Engine& engine, BenchRunner& runner, const Schedule& schedule,
                                      Latency& resident);

/// Adds to `row` whole runs from and to page-locked memory, and the runs finished per second by some numbers of
/// contexts with a stream each, whose copies and kernels overlap: with their tensors on the device, in page-locked and
/// in ordinary memory of the host.
void measure_host_memory(const Engine& engine, const Tensors& inputs, const Schedule& schedule,
                         nlohmann::ordered_json& row);

/// Lines for what the two gave.
std::string device_text(const nlohmann::ordered_json& row);

}  // namespace fovea::cli
