#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <iostream>
#include <memory>

#include "arguments.hpp"
#include "fovea/error.hpp"
#include "ir/extract.hpp"
#include "onnx/export.hpp"
#include "onnx/import.hpp"
#include "verb.hpp"

namespace fovea::cli {
namespace {

struct Options {
    std::filesystem::path model, output;
    std::vector<std::string> from, to, shapes;
    bool json = false;
};

void run(const Options& options) {
    onnx::ImportOptions import;
    for (const auto& [name, shape] : parse_shapes(options.shapes)) import.shapes[name] = ir::to_dims(shape);
    const ir::Graph graph = onnx::import_model(options.model, import);
    ir::Graph part;
    try {
        part = ir::extract(graph, options.from, options.to);
    } catch (Error& error) {
        throw error.in(options.model.string());
    }
    onnx::export_model(part, options.output);
    nlohmann::ordered_json inputs = nlohmann::ordered_json::array(), outputs = inputs;
    std::string text =
        fmt::format("{}: {} of {} nodes\n", options.output.string(), part.node_count(), graph.order().size());
    const auto tensor = [&](const char* title, nlohmann::ordered_json& list, const std::string& name,
                            const ir::Value& value) {
        text += fmt::format("{:<9} {} {}{}\n", list.empty() ? title : "", name, to_string(value.dtype),
                            ir::to_string(value.dims));
        list.push_back({{"name", name}, {"dtype", to_string(value.dtype)}, {"shape", ir::to_string(value.dims)}});
    };
    for (const ir::ValueId id : part.inputs) tensor("inputs", inputs, part.value(id).name, part.value(id));
    for (const ir::Output& output : part.outputs) tensor("outputs", outputs, output.name, part.value(output.value));
    if (options.json)
        std::cout
            << nlohmann::ordered_json{{"nodes", part.node_count()}, {"inputs", inputs}, {"outputs", outputs}}.dump()
            << "\n";
    else
        std::cout << text;
}

}  // namespace

Verb extract_verb() {
    return {"extract", "Cut a part out of an ONNX model", [](CLI::App& app) -> std::function<void()> {
                const auto o = std::make_shared<Options>();
                app.add_option("model", o->model, "ONNX model")->required()->type_name("MODEL");
                app.add_option("--from", o->from,
                               "Tensors, or nodes, at whose inputs the part begins; the model's inputs when left out")
                    ->type_name("A,B")
                    ->delimiter(',');
                app.add_option("--to", o->to,
                               "Tensors, or nodes, at whose outputs the part ends; the model's outputs when left out")
                    ->type_name("C")
                    ->delimiter(',');
                app.add_option("-o,--output", o->output, "Model to write")->required()->type_name("OUT");
                app.add_option("--shape", o->shapes, "Fix an input's shape; may be repeated")
                    ->type_name("NAME=1x3x480x640")
                    ->expected(1)
                    ->take_all();
                app.add_flag("--json", o->json, "Print the part's inputs and outputs as JSON");
                app.footer(
                    "Examples:\n"
                    "  fovea extract model.onnx --from relu --to pool -o part.onnx");
                return [o] { run(*o); };
            }};
}

}  // namespace fovea::cli
