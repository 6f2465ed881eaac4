#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <numeric>

#include "api/describe.hpp"
#include "api/machine.hpp"
#include "arguments.hpp"
#include "base/file.hpp"
#include "fovea/engine.hpp"
#include "latency.hpp"
#include "machine.hpp"
#include "plan_options.hpp"
#include "report/profile_page.hpp"
#include "report/trace.hpp"
#include "runtime/engine.hpp"
#include "table.hpp"
#include "tensors.hpp"
#include "terminal.hpp"
#include "units.hpp"
#include "verb.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kRows = 20;
/// Of the kernels that lost to another, so many are listed.
constexpr std::size_t kLosers = 3;

struct Options : PlanOptions {
    fs::path trace, html;
    int runs = 30;
    bool all = false, json = false;
};

/// Times of every step, and how the last run went.
struct Measured {
    std::vector<std::vector<double>> microseconds;  ///< by step, then run
    std::vector<double> starts;                     ///< of the last run; on a device, as if it had no gaps
    Latency whole;                                  ///< of runs without an observer
};

Measured measure_steps(Context& context, int runs) {
    Measured measured;
    runtime::Context& content = context.content();
    const Schedule schedule{.warm_up_seconds = 0.3, .runs = runs};
    warm_up([&] { context.run(); }, schedule);
    measured.whole = summarise(measure([&] { context.run(); }, schedule));
    measured.microseconds.resize(content.program().launches.size());
    const bool on_device = content.device() != nullptr;
    for (int i = 0; i < runs; ++i) {
        const auto start = Clock::now();
        double end = 0;
        measured.starts.clear();
        const auto observe = [&](const runtime::Observation& seen) {
            const double now = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
            measured.starts.push_back(on_device ? end : now - seen.microseconds);
            end += seen.microseconds;
            measured.microseconds[seen.index].push_back(seen.microseconds);
        };
        content.run(observe, false);
    }
    return measured;
}

/// The type that a step computes in.
std::string computed_type(const plan::Plan& plan, const runtime::Launch& launch, const ops::ValueTable& values) {
    const DType type = api::step_type(plan, *launch.step, values);
    return launch.kernel && launch.kernel->rounds_to_tf32() ? "tf32" : std::string(to_string(type));
}

/// The type that sets a step's limit: a Cast in front of the costliest operator has run by then.
std::string multiplied_type(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values, bool tf32) {
    DType type = api::step_type(plan, step, values);
    double most = -1;
    for (const ir::NodeId id : step.region.nodes) {
        const ir::Node& node = plan.graph.node(id);
        const double flops = api::node_flops(node, values).value_or(0);
        if (flops <= most || node.inputs.empty() || node.inputs[0] == ir::kNone) continue;
        most = flops;
        const ir::NodeId producer = plan.graph.value(node.inputs[0]).producer;
        if (producer != ir::kNone && plan.graph.node(producer).op == "Cast")
            type = values[static_cast<std::size_t>(node.inputs[0])].dtype;
    }
    return tf32 && type == DType::f32 ? "tf32" : std::string(to_string(type));
}

report::KernelProfile kernel_profile(const plan::Plan& plan, const runtime::Launch& launch,
                                     const ops::ValueTable& values, double microseconds, const api::Roofline& roofline,
                                     bool tf32) {
    const plan::Step& step = *launch.step;
    const api::StepCost cost = api::step_cost(plan, step, values);
    std::vector<std::string> operators;
    for (const ir::NodeId id : step.region.nodes) operators.push_back(plan.graph.node(id).op);
    report::KernelProfile kernel;
    kernel.nodes = api::step_nodes(plan, step);
    if (kernel.nodes.empty() && !step.region.outputs.empty())
        kernel.nodes = {plan.graph.value(step.region.outputs[0]).name};
    kernel.operators = operators.empty() ? step.region.pattern : joined(operators, " ");
    kernel.type = computed_type(plan, launch, values);
    kernel.tactic = step.tactic.name;
    kernel.microseconds = microseconds;
    kernel.flops = cost.flops;
    kernel.bytes = cost.bytes;
    kernel.others = step.others;
    kernel.wrong = step.wrong;
    kernel.built_us = step.measured_us;
    const double compute = roofline.compute_us(multiplied_type(plan, step, values, tf32), cost.flops);
    const double memory = roofline.memory_us(cost.bytes);
    kernel.limit_us = std::max(compute, memory);
    if (kernel.limit_us > 0) kernel.bound = compute >= memory ? report::Bound::compute : report::Bound::memory;
    return kernel;
}

/// The kernels that run, in order; views take no time and are left out.
std::vector<report::KernelProfile> kernel_profiles(const Engine& engine, Context& context, const Measured& measured,
                                                   const api::Roofline& roofline) {
    std::vector<report::KernelProfile> kernels;
    const runtime::Program& program = context.content().program();
    for (std::size_t i = 0; i < program.launches.size(); ++i) {
        const runtime::Launch& launch = program.launches[i];
        if (!launch.step->tactic.alias)
            kernels.push_back(kernel_profile(engine.content()->plan(), launch, program.values,
                                             summarise(measured.microseconds[i]).median, roofline,
                                             engine.content()->target().tf32));
    }
    return kernels;
}

std::vector<report::TraceEvent> trace_events(const Engine& engine, Context& context, const Measured& measured) {
    std::vector<report::TraceEvent> events;
    const plan::Plan& plan = engine.content()->plan();
    const runtime::Program& program = context.content().program();
    for (std::size_t i = 0; i < program.launches.size(); ++i) {
        const plan::Step& step = *program.launches[i].step;
        if (step.tactic.alias) continue;
        const auto cost = api::step_cost(plan, step, program.values);
        const auto nodes = api::step_nodes(plan, step);
        const std::string name = nodes.empty() && !step.region.outputs.empty()
                                     ? plan.graph.value(step.region.outputs[0]).name
                                     : joined(nodes, ", ");
        events.push_back({name,
                          step.region.pattern,
                          step.device,
                          measured.starts[i],
                          measured.microseconds[i].back(),
                          {{"kernel", step.tactic.name},
                           {"type", computed_type(plan, program.launches[i], program.values)},
                           {"FLOPs", scaled(cost.flops)},
                           {"bytes", bytes(cost.bytes)}}});
    }
    return events;
}

const char* bound_name(report::Bound bound) {
    return bound == report::Bound::compute ? "compute" : bound == report::Bound::memory ? "memory" : "";
}

/// The tactics that lost, and why.
Json others(const report::KernelProfile& kernel) {
    Json list = Json::array();
    const double chosen = kernel.others.empty() ? 0 : kernel.built_us;
    for (const auto& [tactic, microseconds] : kernel.others)
        list.push_back(
            {{"kernel", tactic},
             {"us", microseconds},
             {"why", microseconds > chosen ? fmt::format("{:.1f} % slower", 100 * (microseconds / chosen - 1))
                                           : "its layouts would cost conversions"}});
    for (const auto& [tactic, fault] : kernel.wrong)
        list.push_back({{"kernel", tactic}, {"us", nullptr}, {"why", "its result is wrong: " + fault}});
    return list;
}

Json to_json(const report::Profile& profile, const Measured& measured, const api::Roofline& roofline) {
    Json kernels = Json::array(), peaks = Json::object(), memory = Json::array();
    for (const report::KernelProfile& k : profile.kernels)
        kernels.push_back({{"nodes", k.nodes},
                           {"operators", k.operators},
                           {"type", k.type},
                           {"kernel", k.tactic},
                           {"us", k.microseconds},
                           {"flops", k.flops},
                           {"bytes", k.bytes},
                           {"limit_us", k.limit_us},
                           {"bound", bound_name(k.bound)},
                           {"gap", k.gap()},
                           {"others", others(k)}});
    for (const auto& peak : roofline.peaks) peaks[peak.type] = peak.operations_per_second;
    for (const auto& level : roofline.memory)
        memory.push_back({{"bytes", level.bytes}, {"bytes_per_second", level.bytes_per_second}});
    Json facts = Json::object();
    for (const auto& [name, value] : profile.facts) facts[name] = value;
    return {{"facts", facts},
            {"median_us", measured.whole.median},
            {"peak_flops_per_second", peaks},
            {"memory", memory},
            {"kernels", kernels}};
}

/// The fastest of those that lost to each of these kernels.
Table losers(const report::Profile& profile, const std::vector<std::size_t>& order) {
    Table table({{"nodes", Table::Align::left, true},
                 {"not chosen", Table::Align::left, true},
                 {"ms"},
                 {"why", Table::Align::left, true}});
    for (const std::size_t i : order) {
        const Json list = others(profile.kernels[i]);
        for (std::size_t j = 0; j < std::min(list.size(), kLosers); ++j)
            table.add({j == 0 ? joined(profile.kernels[i].nodes, ", ") : "", list[j]["kernel"],
                       list[j]["us"].is_null() ? "–" : milliseconds(list[j]["us"]), list[j]["why"]});
        if (list.size() > kLosers) table.add({"", fmt::format("and {} more in --json", list.size() - kLosers)});
    }
    return table;
}

void print(const Options& options, const report::Profile& profile) {
    for (const auto& [name, value] : profile.facts) std::cout << fmt::format("{:<10} {}\n", name, value);
    double whole = 0, limit = 0;
    for (const auto& kernel : profile.kernels) {
        whole += kernel.microseconds;
        limit += kernel.limit_us;
    }
    std::vector<std::size_t> order(profile.kernels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (!options.all) {
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return profile.kernels[a].microseconds > profile.kernels[b].microseconds;
        });
        order.resize(std::min(order.size(), kRows));
    }
    Table table({{"nodes", Table::Align::left, true},
                 {"operators", Table::Align::left, true},
                 {"type", Table::Align::left},
                 {"kernel", Table::Align::left, true},
                 {"ms"},
                 {"share"},
                 {"GFLOP"},
                 {"MB"},
                 {"limit ms"},
                 {"bound", Table::Align::left},
                 {"gap"}});
    for (const std::size_t i : order) {
        const report::KernelProfile& k = profile.kernels[i];
        table.add({joined(k.nodes, ", "), k.operators, k.type, k.tactic, milliseconds(k.microseconds),
                   percent(k.microseconds, whole), fmt::format("{:.3f}", k.flops / 1e9),
                   fmt::format("{:.2f}", k.bytes / 1e6), milliseconds(k.limit_us), bound_name(k.bound),
                   k.gap() > 0 ? fmt::format("{:.1f}", k.gap()) : "–"});
    }
    std::cout << "\n" << table.text(output_width());
    if (order.size() < profile.kernels.size())
        std::cout << fmt::format("  … and {} faster kernels; --all lists every one in order\n",
                                 profile.kernels.size() - order.size());
    if (const Table lost = losers(profile, order); !lost.empty())
        std::cout << "\nWhat was not chosen, with its time when the plan was built:\n" << lost.text(output_width());
    if (limit > 0)
        std::cout << fmt::format("\nThe kernels take {} ms together, {:.1f} times what the roofline allows ({} ms).\n",
                                 milliseconds(whole), whole / limit, milliseconds(limit));
}

void run(const Options& options) {
    const Engine engine(options.plan, options.threads, options.device);
    const Tensors inputs = inputs_of(engine, options, parse_shapes(options.shapes));
    Context context = engine.make_context();
    bind_inputs(context, inputs);
    context.run();
    const int threads = engine.content()->threads();
    const api::Roofline roofline = api::roofline_of(*engine.content());
    const Measured measured = measure_steps(context, options.runs);

    report::Profile profile;
    profile.title = "fovea profile of " + options.plan.filename().string();
    profile.kernels = kernel_profiles(engine, context, measured, roofline);
    profile.bytes_per_second = roofline.memory.back().bytes_per_second;
    std::string peaks, shapes;
    for (const auto& peak : roofline.peaks) {
        profile.flops_per_second.emplace_back(peak.type, peak.operations_per_second);
        peaks += fmt::format("{}{} {:.0f}", peaks.empty() ? "" : ", ", peak.type, peak.operations_per_second / 1e9);
    }
    for (const auto& [name, tensor] : inputs)
        shapes += fmt::format("{}{} {}{}", shapes.empty() ? "" : ", ", name, to_string(tensor.dtype()),
                              base::to_string(tensor.shape()));
    const auto& target = engine.content()->target();
    const runtime::Program& program = context.content().program();
    profile.facts = {
        {"plan", fs::absolute(options.plan).string()},
        {"target", fmt::format("{} {}, {} threads", target.backend, target.target, threads)},
        {"machine", cpu_name()},
        {"inputs", shapes},
        {"latency", fmt::format("median {} ms, p90 {} ms of {} runs{}", milliseconds(measured.whole.median),
                                milliseconds(measured.whole.p90), measured.whole.runs,
                                context.content().device() ? ", copies from and to the host included" : "")},
        {"peaks", fmt::format("{} GFLOP/s; memory {:.1f} GB/s", peaks, profile.bytes_per_second / 1e9)},
        {"memory",
         fmt::format("activations {}, scratch {}, packed weights {}", bytes(static_cast<double>(program.arena_bytes)),
                     bytes(static_cast<double>(program.scratch_bytes)),
                     bytes(static_cast<double>(engine.content()->packed_bytes())))}};
    if (!options.trace.empty())
        base::write_text(options.trace, report::chrome_trace(trace_events(engine, context, measured)));
    if (!options.html.empty()) base::write_text(options.html, report::profile_page(profile));
    if (options.json)
        std::cout << to_json(profile, measured, roofline).dump() << "\n";
    else
        print(options, profile);
}

}  // namespace

Verb profile_verb() {
    return {
        "profile", "Show where a plan's time goes", [](CLI::App& app) -> std::function<void()> {
            const auto o = std::make_shared<Options>();
            add_plan_options(app, *o);
            app.add_option("--runs", o->runs, "Runs whose median counts")
                ->type_name("N")
                ->check(CLI::Range(1, 100'000))
                ->capture_default_str();
            app.add_option("--trace", o->trace, "Write the last run for chrome://tracing or ui.perfetto.dev")
                ->type_name("FILE.json");
            app.add_option("--html", o->html, "Write a page with timeline, roofline and table")->type_name("FILE.html");
            app.add_flag("--all", o->all, "List all kernels, in the order in which they run");
            app.add_flag("--json", o->json, "Print as JSON, times in microseconds");
            app.footer(
                "The limit is the time that the peaks, measured here or by a GPU's data, allow for a kernel's FLOPs "
                "and "
                "bytes;\n"
                "the gap is the measured time as a multiple of it.\n\n"
                "Examples:\n"
                "  fovea profile model.plan\n"
                "  fovea profile model.plan --trace trace.json --html profile.html");
            return [o] { run(*o); };
        }};
}

}  // namespace fovea::cli
