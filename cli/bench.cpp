#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstring>
#include <iostream>
#include <memory>

#include "arguments.hpp"
#include "bench_runner.hpp"
#include "contract_bench.hpp"
#include "device_bench.hpp"
#include "fovea/engine.hpp"
#include "fovea/error.hpp"
#include "latency.hpp"
#include "plan_options.hpp"
#include "runtime/engine.hpp"
#include "table.hpp"
#include "tensors.hpp"
#include "terminal.hpp"
#include "units.hpp"
#include "verb.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options : PlanOptions {
    std::string sweep;
    int contexts = 1;
    Schedule schedule;
    bool resident = false, json = false;
};

/// One point of a sweep: the input shapes, and how the row is called.
struct Point {
    Json name = Json::object();
    std::map<std::string, Shape> shapes;
};

/// Height's axis of an image input; -1 for other inputs.
std::ptrdiff_t height_axis(const Shape& shape) {
    if (shape.size() != 4) return -1;
    const bool channels_last = shape[3] <= 4 && shape[1] > 4;
    return channels_last ? 1 : 2;
}

void apply(const SweepAxis& axis, const std::vector<std::int64_t>& value, Point& point) {
    bool used = false;
    for (auto& [name, shape] : point.shapes) {
        const std::ptrdiff_t height = height_axis(shape);
        if (axis.name == "batch" && !shape.empty()) {
            shape[0] = value[0];
            used = true;
        } else if (axis.name == "size" && height >= 0) {
            std::copy(value.begin(), value.end(), shape.begin() + height);
            used = true;
        }
    }
    if (!used) throw Error(ErrorCode::invalid_argument, "no input of the plan has a " + axis.name).in("--sweep");
    if (axis.name == "batch")
        point.name["batch"] = value[0];
    else
        point.name["size"] = fmt::format("{}x{}", value[0], value[1]);
}

/// A sweep must not end halfway.
void require_inside_profile(const Engine& engine, const Point& point) {
    std::vector<Shape> shapes;
    for (const TensorInfo& input : engine.inputs()) shapes.push_back(point.shapes.at(input.name));
    engine.content()->check_profile(shapes);
}

/// All combinations of the axes' values, the last axis fastest.
std::vector<Point> points(const Engine& engine, const Options& options) {
    Point base;
    for (const auto& [name, profile] : engine.content()->plan().profile) base.shapes[name] = profile.opt;
    for (const auto& [name, shape] : parse_shapes(options.shapes)) base.shapes[name] = shape;
    std::vector<Point> result = {base};
    if (options.sweep.empty()) return result;
    for (const SweepAxis& axis : parse_sweep(options.sweep)) {
        std::vector<Point> next;
        for (const Point& point : result)
            for (const auto& value : axis.values) {
                next.push_back(point);
                apply(axis, value, next.back());
            }
        result = std::move(next);
    }
    for (const Point& point : result) require_inside_profile(engine, point);
    return result;
}

Json rated(const Latency& latency, double images_per_second) {
    Json json = describe(latency);
    json["images_per_second"] = images_per_second;
    return json;
}

/// Times one point: without and with copies, and the first run at these shapes, kernels prepared included.
Json measure_point(const Engine& engine, const Tensors& inputs, const Options& options) {
    const std::int64_t images =
        inputs.empty() || inputs.begin()->second.rank() == 0 ? 1 : inputs.begin()->second.shape()[0];
    Json row = {{"images", images}};
    BenchRunner first(engine, inputs);
    row["first_run_us"] = time_once([&] { first.run(); });
    Latency resident;
    if (first.device()) row["device"] = measure_device(engine, first, options.schedule, resident);
    for (const bool copies : {false, true}) {
        if (copies && options.resident) continue;
        if (!copies && first.device() && options.contexts == 1) {
            row["without_copies"] = rated(resident, static_cast<double>(images) * 1e6 / resident.mean);
            continue;
        }
        const auto make = [&]() -> std::function<void()> {
            const auto runner = std::make_shared<BenchRunner>(engine, inputs);
            if (runner->device()) runner->run();
            if (copies) {
                runner->use_host_memory(false);
                return [runner] { runner->run_with_copies(); };
            }
            runner->stay_on_device();
            return [runner] { runner->run(); };
        };
        const Concurrent result = measure_concurrently(options.contexts, make, options.schedule);
        row[copies ? "with_copies" : "without_copies"] =
            rated(summarise(result.microseconds), result.per_second * static_cast<double>(images));
    }
    if (first.device() && options.contexts == 1 && !options.resident)
        measure_host_memory(engine, inputs, options.schedule, row);
    return row;
}

void print(const Options& options, const Json& result) {
    std::cout << fmt::format("{}: {} {}, {} threads, {} context{}, loaded in {} ms\n", options.plan.string(),
                             result["backend"].get<std::string>(), result["target"].get<std::string>(),
                             result["threads"].get<int>(), options.contexts, options.contexts == 1 ? "" : "s",
                             milliseconds(result["load_us"]));
    std::vector<Table::Column> columns;
    for (const auto& [name, value] : result["rows"][0]["point"].items()) columns.push_back({name});
    for (const char* title :
         {"copies", "median ms", "± ms", "mean ms", "p90 ms", "p99 ms", "spread", "images/s", "runs", "first ms"})
        columns.push_back({title});
    Table table(columns);
    for (const Json& row : result["rows"])
        for (const char* copies : {"without_copies", "with_copies"}) {
            if (!row.contains(copies)) continue;
            const Json& l = row[copies];
            std::vector<std::string> cells;
            for (const auto& [name, value] : row["point"].items()) cells.push_back(text_of(value));
            const double half = (l["median_high_us"].get<double>() - l["median_low_us"].get<double>()) / 2;
            for (std::string& cell :
                 std::vector<std::string>{std::strcmp(copies, "with_copies") ? "no" : "yes",
                                          milliseconds(l["median_us"]), milliseconds(half), milliseconds(l["mean_us"]),
                                          milliseconds(l["p90_us"]), milliseconds(l["p99_us"]), percent(l["spread"], 1),
                                          fmt::format("{:.1f}", l["images_per_second"].get<double>()), l["runs"].dump(),
                                          milliseconds(row["first_run_us"])})
                cells.push_back(std::move(cell));
            table.add(std::move(cells));
        }
    std::cout << table.text(output_width());
    for (const Json& row : result["rows"])
        if (row.contains("device")) std::cout << device_text(row);
    if (result.contains("contract")) std::cout << contract_text(result["contract"]);
}

void run(const Options& options) {
    if (!options.sweep.empty() && !options.input.empty())
        throw Error(ErrorCode::invalid_argument, "--input has one shape; leave out --sweep or --input").in("bench");
    const auto start = Clock::now();
    const Engine engine(options.plan, options.threads, options.device);
    const double load_us = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    const auto& target = engine.content()->target();
    Json result = {{"plan", options.plan.string()}, {"backend", target.backend},
                   {"target", target.target},       {"threads", engine.content()->threads()},
                   {"contexts", options.contexts},  {"load_us", load_us},
                   {"rows", Json::array()}};
    Progress progress;
    const auto list = points(engine, options);
    for (std::size_t i = 0; i < list.size(); ++i) {
        progress.update("bench", static_cast<double>(i) / static_cast<double>(list.size()));
        const Tensors inputs = inputs_of(engine, options, list[i].shapes);
        Json row = {{"point", list[i].name}, {"shapes", Json::object()}};
        for (const auto& [name, tensor] : inputs) row["shapes"][name] = tensor.shape();
        row.update(measure_point(engine, inputs, options));
        result["rows"].push_back(std::move(row));
    }
    if (!options.resident) result["contract"] = measure_contract(engine, options.schedule);
    progress.finish();
    if (options.json)
        std::cout << result.dump() << "\n";
    else
        print(options, result);
}

}  // namespace

Verb bench_verb() {
    return {"bench", "Measure a plan's latency and throughput", [](CLI::App& app) -> std::function<void()> {
                const auto o = std::make_shared<Options>();
                add_plan_options(app, *o);
                app.add_option(
                       "--sweep", o->sweep,
                       "One row for every combination of batch (first axis) and size (height and width);\na..b doubles")
                    ->type_name("batch=1,2,4..64,size=256x512,512x1024");
                app.add_option("--contexts", o->contexts,
                               "Runs at the same time, each in a context and thread of its own")
                    ->type_name("N")
                    ->check(CLI::Range(1, 1024))
                    ->capture_default_str();
                app.add_option("--warm-up", o->schedule.warm_up_seconds, "Seconds before the measurement")
                    ->type_name("SECONDS")
                    ->check(CLI::NonNegativeNumber)
                    ->capture_default_str();
                app.add_option("--seconds", o->schedule.seconds, "Length of a measurement, ten runs at least")
                    ->type_name("SECONDS")
                    ->check(CLI::PositiveNumber)
                    ->capture_default_str();
                app.add_option("--runs", o->schedule.runs, "Exactly so many runs instead")
                    ->type_name("N")
                    ->check(CLI::PositiveNumber);
                app.add_flag("--resident", o->resident, "Only runs without copies");
                app.add_flag("--json", o->json, "Print the results as JSON, times in microseconds");
                app.footer(
                    "Rows without copies read the inputs where they lie (of a plan for a GPU: in its memory, where the "
                    "outputs\n"
                    "stay, too); rows with copies copy inputs in and outputs out at every run, on a GPU from and to "
                    "ordinary\n"
                    "memory of the host as the runtime does. ± is half the 95 % confidence interval of the "
                    "median, spread\n"
                    "what lies between the quartiles, as a part of the median.\n\n"
                    "Examples:\n"
                    "  fovea bench model.plan\n"
                    "  fovea bench model.plan --sweep batch=1,2,4..64 --contexts 2 --threads 1 --json");
                return [o] { run(*o); };
            }};
}

}  // namespace fovea::cli
