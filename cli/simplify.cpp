#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <iostream>
#include <memory>

#include "arguments.hpp"
#include "fovea/error.hpp"
#include "onnx/export.hpp"
#include "onnx/import.hpp"
#include "pass/pipeline.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "units.hpp"
#include "verb.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
    std::filesystem::path model, output;
    std::vector<std::string> shapes, disabled;
    std::int64_t stop_after = -1;
    bool explain = false, json = false;
};

std::string named(const std::vector<std::string>& list) {
    const std::string text = joined(list);
    return text.empty() ? "nothing" : text;
}

Json to_json(const pass::Report& report) {
    Json passes = Json::array(), changes = Json::array();
    for (const pass::PassReport& p : report.passes)
        passes.push_back({{"pass", p.pass},
                          {"summary", p.summary},
                          {"patches", p.patches},
                          {"removed", p.nodes_removed},
                          {"added", p.nodes_added},
                          {"seconds", p.seconds}});
    for (const pass::Change& c : report.changes)
        changes.push_back({{"number", c.number},
                           {"pass", c.pass},
                           {"removed", c.removed},
                           {"added", c.added},
                           {"nodes", c.origins},
                           {"tensors", c.values}});
    return {{"nodes_before", report.nodes_before},
            {"nodes_after", report.nodes_after},
            {"seconds", report.seconds},
            {"passes", passes},
            {"changes", changes}};
}

void explain(const pass::Report& report) {
    Table table({{"pass", Table::Align::left},
                 {"patches"},
                 {"removed"},
                 {"added"},
                 {"ms"},
                 {"what it does", Table::Align::left, true}});
    std::string idle;
    for (const pass::PassReport& p : report.passes) {
        if (p.patches == 0)
            idle += (idle.empty() ? "" : ", ") + p.pass;
        else
            table.add({p.pass, std::to_string(p.patches), std::to_string(p.nodes_removed),
                       std::to_string(p.nodes_added), fmt::format("{:.1f}", p.seconds * 1e3), p.summary});
    }
    if (!table.empty()) std::cout << "\n" << table.text(output_width());
    if (!idle.empty()) std::cout << "\nFound nothing: " << idle << "\n";
    std::cout << "\n";
    for (const pass::Change& change : report.changes)
        std::cout << shorten(fmt::format("{:>5}  {}: {} -> {}", change.number, change.pass, named(change.removed),
                                         named(change.added)),
                             static_cast<std::size_t>(output_width()))
                  << "\n";
}

void run(const Options& options) {
    if (options.output.empty() && !options.explain && !options.json)
        throw Error(ErrorCode::invalid_argument, "give --output, --explain or --json › run `fovea simplify --help`")
            .in("simplify");
    onnx::ImportOptions import;
    for (const auto& [name, shape] : parse_shapes(options.shapes)) import.shapes[name] = ir::to_dims(shape);
    ir::Graph graph = onnx::import_model(options.model, import);
    pass::Options simplify;
    simplify.disabled.insert(options.disabled.begin(), options.disabled.end());
    if (options.stop_after >= 0) simplify.stop_after = options.stop_after;
    const pass::Report report = pass::simplify(graph, simplify);
    if (!options.output.empty()) onnx::export_model(graph, options.output);
    if (options.json) {
        std::cout << to_json(report).dump() << "\n";
        return;
    }
    const auto& shown = options.output.empty() ? options.model : options.output;
    std::cout << fmt::format("{}: {} nodes -> {} nodes in {:.2f} s\n", shown.string(), report.nodes_before,
                             report.nodes_after, report.seconds);
    if (options.explain) explain(report);
}

}  // namespace

Verb simplify_verb() {
    return {"simplify", "Write a simplified ONNX model", [](CLI::App& app) -> std::function<void()> {
                const auto o = std::make_shared<Options>();
                app.add_option("model", o->model, "ONNX model")->required()->type_name("MODEL");
                app.add_option("-o,--output", o->output, "Model to write; left out: only look")->type_name("OUT");
                app.add_option("--shape", o->shapes, "Fix an input's shape; may be repeated")
                    ->type_name("NAME=1x3x480x640")
                    ->expected(1)
                    ->take_all();
                app.add_option("--disable", o->disabled, "Leave out a pass; may be repeated")
                    ->type_name("PASS")
                    ->expected(1)
                    ->take_all();
                app.add_option("--stop-after", o->stop_after,
                               "Stop after so many rewrites, to find the one that matters")
                    ->type_name("N")
                    ->check(CLI::NonNegativeNumber);
                app.add_flag("--explain", o->explain, "List the passes and every rewrite");
                app.add_flag("--json", o->json, "Print passes and rewrites as JSON");
                app.footer(
                    "Examples:\n"
                    "  fovea simplify model.onnx -o simple.onnx\n"
                    "  fovea simplify model.onnx --shape image=1x3x480x640 --explain");
                return [o] { run(*o); };
            }};
}

}  // namespace fovea::cli
