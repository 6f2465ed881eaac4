#include "device_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "backend/instruments.hpp"
#include "sensor_log.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "units.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kLeastRepeats = 10, kMostRepeats = 200;
constexpr int kContexts[] = {1, 2, 4};
/// Of the measurement's length, for each number of contexts.
constexpr double kShare = 1.0 / 6;

/// How often a part is timed: about the measurement's length, which is more than the part takes.
int part_repeats(double run_us, const Schedule& schedule) {
    return static_cast<int>(std::clamp<double>(1e6 * schedule.seconds / run_us, kLeastRepeats, kMostRepeats));
}

/// Copies of `bytes` bytes between page-locked memory and the device.
Json copies(const backend::Device& device, std::size_t bytes, bool upload, int repeats) {
    Json json = Json::object();
    if (bytes > 0) {
        const auto memory = device.allocate(bytes), host = device.allocate_host(bytes);
        const auto stream = device.make_stream();
        json = describe(summarise(device.instruments()->time(
            *stream,
            [&] {
                if (upload)
                    stream->upload(memory.get(), host.get(), bytes);
                else
                    stream->download(host.get(), memory.get(), bytes);
            },
            repeats)));
        stream->synchronize();
    }
    json["bytes"] = bytes;
    return json;
}

/// Host time of launching a run's recordings into an idle queue.
std::vector<double> launch_times(runtime::DeviceRun& run, int repeats) {
    std::vector<double> times;
    for (int i = 0; i < repeats; ++i) {
        times.push_back(time_once([&] { run.replay(); }));
        run.stream().synchronize();
    }
    return times;
}

Schedule brief(Schedule schedule) {
    schedule.seconds *= kShare;
    schedule.warm_up_seconds *= kShare;
    return schedule;
}

/// Whole runs from and to page-locked memory.
Json page_locked_runs(const Engine& engine, const Tensors& inputs, const Schedule& schedule) {
    BenchRunner runner(engine, inputs);
    runner.run();
    runner.use_host_memory(true);
    warm_up([&] { runner.run(); }, schedule);
    return describe(summarise(measure([&] { runner.run(); }, schedule)));
}

/// Bytes of the tensors that pass between the host and the device in a run.
std::size_t input_bytes(runtime::Context& content, const Engine& engine) {
    std::size_t total = 0;
    const plan::TargetSection& target = engine.content()->target();
    for (const std::int32_t slot : target.inputs)
        if (slot >= 0) total += runtime::slot_desc(target, content.program().values, slot).bytes();
    return total;
}

std::size_t output_bytes(runtime::Context& content) {
    std::size_t total = 0;
    for (const backend::TensorDesc& desc : content.program().output_descs)
        if (desc.dtype != DType::undefined) total += desc.bytes();
    return total;
}

std::string line(const char* title, const Json& latency) { return fmt::format("  {:<17} {}", title, figures(latency)); }

std::string copy_line(const char* title, const Json& latency) {
    if (latency["bytes"] == 0) return "";
    const auto count = latency["bytes"].get<double>();
    return fmt::format("{}; {}, {:.1f} GB/s\n", line(title, latency), bytes(count),
                       count / latency["median_us"].get<double>() / 1e3);
}

std::string sensors_text(const Json& sensors, double images) {
    if (sensors.is_null()) return "  sensors           cannot be read (NVML)\n";
    const double joules = sensors["joules_per_run"];
    const auto throttled = sensors["throttled"].get<std::vector<std::string>>();
    return fmt::format(
        "  sensors           SM clock {:.0f} to {:.0f} MHz, memory {:.0f} MHz, {}, {:.0f} W, at most {:.0f} °C, "
        "{:.4f} J for an inference{}\n",
        sensors["least_core_mhz"].get<double>(), sensors["most_core_mhz"].get<double>(),
        sensors["memory_mhz"].get<double>(), throttled.empty() ? "not throttled" : "throttled by " + joined(throttled),
        sensors["watts"].get<double>(), sensors["most_celsius"].get<double>(), joules,
        images > 1 ? fmt::format(", {:.4f} J for an image", joules / images) : "");
}

}  // namespace

Json describe(const Latency& latency) {
    return {{"runs", latency.runs},
            {"median_us", latency.median},
            {"median_low_us", latency.median_low},
            {"median_high_us", latency.median_high},
            {"mean_us", latency.mean},
            {"p90_us", latency.p90},
            {"p99_us", latency.p99},
            {"min_us", latency.least},
            {"max_us", latency.most},
            {"spread", latency.spread}};
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string figures(const Json& latency) {
    return fmt::format("median {} ms, p90 {}, p99 {}, spread {}", milliseconds(latency["median_us"]),
                       milliseconds(latency["p90_us"]), milliseconds(latency["p99_us"]), percent(latency["spread"], 1));
}

Json measure_device(const Engine& engine, BenchRunner& runner, const Schedule& schedule, Latency& resident) {
    runtime::DeviceRun& run = *runner.device();
    const backend::Device& device = *engine.content()->device();
    const backend::Instruments* instruments = device.instruments();
    std::unique_ptr<SensorLog> log;
    runner.stay_on_device();
    warm_up([&] { runner.run(); }, schedule);
    Json result = {{"launches", run.recorded_launches()}, {"graphs", run.recordings()}};
    if (instruments) {
        const int repeats = part_repeats(time_once([&] { runner.run(); }), schedule);
        const auto kernels = instruments->time(
            run.stream(), [&] { run.replay(); }, repeats);
        result["kernels"] = describe(summarise(kernels));
        result["launch"] = describe(summarise(launch_times(run, repeats)));
        result["upload"] = copies(device, input_bytes(runner.content(), engine), true, repeats);
        result["download"] = copies(device, output_bytes(runner.content()), false, repeats);
        log = std::make_unique<SensorLog>(*instruments);
    }
    resident = summarise(measure([&] { runner.run(); }, schedule));
    const SensorLog::Summary sensors = log ? log->finish() : SensorLog::Summary();
    result["sensors"] = describe(sensors, resident.runs);
    result["unsteady"] = unsteady(resident.drift, sensors);
    return result;
}

void measure_host_memory(const Engine& engine, const Tensors& inputs, const Schedule& schedule, Json& row) {
    row["page_locked"] = page_locked_runs(engine, inputs, brief(schedule));
    row["streams"] = Json::array();
    for (const int contexts : kContexts) {
        Json streams = {{"contexts", contexts}};
        for (const char* memory : {"resident", "page_locked", "host"}) {
            const auto make = [&]() -> std::function<void()> {
                const auto runner = std::make_shared<BenchRunner>(engine, inputs);
                runner->run();
                if (std::string_view(memory) == "resident")
                    runner->stay_on_device();
                else
                    runner->use_host_memory(std::string_view(memory) == "page_locked");
                return [runner] { runner->run(); };
            };
            streams[std::string(memory) + "_per_second"] =
                measure_concurrently(contexts, make, brief(schedule)).per_second;
        }
        row["streams"].push_back(std::move(streams));
    }
}

std::string device_text(const Json& row) {
    const Json& device = row["device"];
    const auto images = row["images"].get<double>();
    std::string text;
    for (const auto& [name, value] : row["point"].items()) text += name + " " + text_of(value) + ", ";
    text += fmt::format("on the device alone: {} ms, {} with the call and the wait; {} launches in {} graph{}\n",
                        milliseconds(device["kernels"]["median_us"]), milliseconds(row["without_copies"]["median_us"]),
                        device["launches"].dump(), device["graphs"].dump(), device["graphs"] == 1 ? "" : "s");
    text += line("kernels", device["kernels"]) + "\n" + line("graph launch", device["launch"]) + "\n";
    text += copy_line("host to device", device["upload"]) + copy_line("device to host", device["download"]);
    text += sensors_text(device["sensors"], images);
    for (const Json& reason : device["unsteady"]) text += "  NOT STEADY: " + reason.get<std::string>() + "\n";
    if (!row.contains("streams")) return text;
    text += line("page-locked", row["page_locked"]) + ", copies included\n";
    Table table({{"contexts"}, {"images/s, resident"}, {"page-locked memory"}, {"ordinary memory"}});
    for (const Json& streams : row["streams"]) {
        std::vector<std::string> cells = {streams["contexts"].dump()};
        for (const char* key : {"resident_per_second", "page_locked_per_second", "host_per_second"})
            cells.push_back(fmt::format("{:.1f}", images * streams[key].get<double>()));
        table.add(std::move(cells));
    }
    return text + table.text(output_width());
}

}  // namespace fovea::cli
