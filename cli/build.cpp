#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "arguments.hpp"
#include "base/file.hpp"
#include "fovea/builder.hpp"
#include "fovea/error.hpp"
#include "plan_view.hpp"
#include "terminal.hpp"
#include "units.hpp"
#include "verb.hpp"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Kernels that the table shows.
constexpr std::size_t kRows = 12;

struct Options {
    fs::path model, plan, timing_lock, contract, report;
    std::vector<fs::path> timing_caches;
    std::string precision, target = "cpu", gate = "boxes";
    std::vector<std::string> shapes, profiles, pins, disabled;
    int threads = 0;
    bool no_tune = false, no_fuse = false, json = false, quiet = false;
};

Gate gate_of(const std::string& name) { return name == "off" ? Gate::off : name == "full" ? Gate::full : Gate::boxes; }

void configure(Builder& builder, const Options& options) {
    if (options.precision == "tf32")
        builder.precision(DType::f32).tf32(true);
    else if (!options.precision.empty())
        builder.precision(parse_dtype(options.precision));
    builder.target(options.target)
        .threads(options.threads)
        .gate(gate_of(options.gate))
        .tune(!options.no_tune)
        .fuse(!options.no_fuse);
    for (const auto& [name, shape] : parse_shapes(options.shapes)) builder.shape(name, shape);
    for (const std::string& text : options.profiles) {
        const auto [name, ranges] = parse_named(text);
        plan::InputProfile profile = parse_profile(ranges);
        builder.profile(name, std::move(profile.min), std::move(profile.opt), std::move(profile.max));
    }
    for (const std::string& text : options.pins) {
        const auto [node, type] = parse_named(text);
        builder.pin(node, parse_dtype(type));
    }
    for (const std::string& pass : options.disabled) builder.disable_pass(pass);
    for (const fs::path& file : options.timing_caches) builder.timing_cache(file);
    builder.timing_lock(options.timing_lock);
    if (!options.contract.empty()) builder.contract(base::read_text(options.contract));
}

void print(const Options& options, const Plan& plan, const Json& report, double seconds) {
    const PlanView shown = view(plan);
    std::string stages;
    for (const char* stage : {"simplify", "types", "cover", "tune", "gate"})
        if (report["seconds"].contains(stage))
            stages +=
                fmt::format("{}{} {:.1f}", stages.empty() ? "" : ", ", stage, report["seconds"][stage].get<double>());
    std::cout << fmt::format("{} ({}) in {:.1f} s: {}\n", options.plan.string(),
                             bytes(static_cast<double>(fs::file_size(options.plan))), seconds, stages);
    std::cout << describe_interface(shown);
    if (const int before = report["nodes_before"].get<int>())
        std::cout << fmt::format("nodes     {} in the model, {} after simplification\n", before,
                                 report["nodes_after"].get<int>());
    for (const TargetView& target : shown.targets)
        std::cout << precision_table(target, kRows, output_width()) << "\n" << certificate_text(target);
}

/// The file to write: the given one, or the plan that gets a further target section.
fs::path destination(const Options& options) {
    if (!options.plan.empty()) return options.plan;
    if (plan::is_plan(options.model)) return options.model;
    throw Error(ErrorCode::invalid_argument, "--output is required › run `fovea build --help`");
}

void run(Options options) {
    options.plan = destination(options);
    const auto start = std::chrono::steady_clock::now();
    Builder builder(options.model);
    configure(builder, options);
    Progress progress;
    builder.progress([&](std::string_view stage, double fraction) { progress.update(stage, fraction); });
    const Plan plan = builder.build();
    progress.finish();
    plan.save(options.plan);
    if (!options.report.empty()) base::write_text(options.report, builder.report() + "\n");
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (options.json)
        std::cout << builder.report() << "\n";
    else if (!options.quiet)
        print(options, plan, Json::parse(builder.report()), elapsed.count());
}

}  // namespace

Verb build_verb() {
    return {
        "build", "Build a plan from an ONNX model, or for a further machine from a plan",
        [](CLI::App& app) -> std::function<void()> {
            const auto o = std::make_shared<Options>();
            app.add_option("model", o->model, "ONNX model, or a plan to add a target section for this machine to")
                ->required()
                ->type_name("MODEL");
            app.add_option("-o,--output", o->plan, "File to write the plan to; for a plan: itself, where left out")
                ->type_name("PLAN");
            app.add_option("--target", o->target,
                           "Device to build for: cpu, cuda:0, reference (plain loops, runs everywhere)")
                ->type_name("DEVICE")
                ->capture_default_str();
            app.add_option("--precision", o->precision,
                           "Type to compute in: fp32 (default), bf16, fp16; on a GPU also tf32")
                ->type_name("TYPE");
            app.add_option("--shape", o->shapes, "Fix an input's shape, whatever the model declares; may be repeated")
                ->type_name("NAME=1x3x480x640")
                ->expected(1)
                ->take_all();
            app.add_option("--profile", o->profiles, "Range of an input's shapes and the best one; may be repeated")
                ->type_name("NAME=MIN:OPT:MAX")
                ->expected(1)
                ->take_all();
            app.add_option("--threads", o->threads, "Threads that runs will use; 0: all that the machine offers")
                ->type_name("N")
                ->check(CLI::NonNegativeNumber);
            app.add_option(
                   "--gate", o->gate,
                   "How the plan is proven: off, boxes (samples of every kernel's result), full (every element)")
                ->type_name("MODE")
                ->check(CLI::IsMember({"off", "boxes", "full"}))
                ->capture_default_str();
            app.add_flag("--no-tune", o->no_tune, "Take the first kernel of each kind, time nothing");
            app.add_flag("--no-fuse", o->no_fuse, "Run every operator by itself");
            app.add_option("--disable", o->disabled, "Leave out a simplification pass; may be repeated")
                ->type_name("PASS")
                ->expected(1)
                ->take_all();
            app.add_option("--pin", o->pins, "Type of one of the model's nodes; may be repeated")
                ->type_name("NODE=TYPE")
                ->expected(1)
                ->take_all();
            app.add_option("--timing-cache", o->timing_caches,
                           "File of measured times: read before, extended after the build;\n"
                           "may be repeated: further ones are read and merged into the first")
                ->type_name("FILE")
                ->expected(1)
                ->take_all();
            app.add_option("--timing-lock", o->timing_lock,
                           "Lock to hold while kernels are timed, where several builds share a device")
                ->type_name("FILE");
            app.add_option("--contract", o->contract, "Pre- and post-processing to keep in the plan (docs/contract.md)")
                ->type_name("FILE.json");
            app.add_option("--report", o->report, "Write all that the build did, as JSON")->type_name("FILE.json");
            app.add_flag("--json", o->json, "Print the report as JSON instead of the table");
            app.add_flag("--quiet", o->quiet, "Print nothing");
            app.footer(
                "Examples:\n"
                "  fovea build model.onnx -o model.plan\n"
                "  fovea build model.onnx -o model.plan --precision bf16 --shape image=1x3x480x640\n"
                "  fovea build model.onnx -o model.plan --profile image=1x3x128x256:1x3x256x512:8x3x384x768\n"
                "  fovea build model.onnx -o model.plan --target cuda:0 --precision fp16 --timing-cache times.json\n"
                "  fovea build model.plan --target cpu");
            return [o] { run(*o); };
        }};
}

}  // namespace fovea::cli
