#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "api/backends.hpp"
#include "api/describe.hpp"
#include "arguments.hpp"
#include "base/file.hpp"
#include "fovea/builder.hpp"
#include "ir/text.hpp"
#include "onnx/import.hpp"
#include "plan_view.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "units.hpp"
#include "verb.hpp"
#include "why.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kRows = 12;

struct Options {
    fs::path file;
    std::string why;
    std::vector<std::string> shapes;
    bool graph = false, all = false, json = false;
};

/// The graph as text; long constants only by type and shape.
std::string text_of(const ir::Graph& graph) {
    std::int64_t count = 0;
    return ir::print(graph, [&](const Tensor&) { return count++; });
}

void inspect_plan(const Options& options, const Plan& plan) {
    const plan::Plan& content = *plan.content();
    if (!options.why.empty())
        std::cout << explain(content, options.why, nullptr);
    else if (options.graph)
        std::cout << text_of(content.graph);
    else if (options.json)
        std::cout << plan.to_json() << "\n";
    else {
        const PlanView shown = view(plan);
        std::cout << fmt::format("{}: a plan, {}, precision {}{}\n", options.file.string(),
                                 bytes(static_cast<double>(fs::file_size(options.file))), shown.precision,
                                 shown.has_contract ? ", with a contract for images" : "");
        std::cout << describe_interface(shown);
        for (const TargetView& target : shown.targets)
            std::cout << precision_table(target, options.all ? 0 : kRows, output_width()) << "\n"
                      << certificate_text(target);
    }
}

ir::Graph read_model(const Options& options) {
    onnx::ImportOptions import;
    for (const auto& [name, shape] : parse_shapes(options.shapes)) import.shapes[name] = ir::to_dims(shape);
    return onnx::import_model(options.file, import);
}

struct Count {
    int nodes = 0;
    double flops = 0;
};

/// What a model holds; sizes that are not known count as 1.
struct Summary {
    std::map<std::string, Count> operators;
    double flops = 0, weight_bytes = 0;
    std::int64_t weights = 0;
    int nodes = 0;
    bool symbolic = false;
};

Summary summarise_model(const ir::Graph& graph) {
    Summary summary;
    ops::InferOptions infer;
    for (const ir::ValueId id : graph.inputs) {
        const ir::Value& input = graph.value(id);
        if (!input.dims) continue;
        for (const ir::Dim& dim : *input.dims) {
            summary.symbolic = summary.symbolic || !dim.known();
            infer.input_shapes[input.name].push_back(dim.known() ? dim.value : 1);
        }
    }
    const ops::ValueTable values = ops::infer(graph, infer);
    for (const ir::NodeId id : graph.order()) {
        Count& count = summary.operators[graph.node(id).op];
        const double flops = api::node_flops(graph.node(id), values).value_or(0);
        ++count.nodes;
        ++summary.nodes;
        count.flops += flops;
        summary.flops += flops;
    }
    for (ir::ValueId id = 0; id < graph.value_count(); ++id)
        if (const Tensor* constant = graph.constant(id)) {
            summary.weights += constant->size();
            summary.weight_bytes += static_cast<double>(constant->bytes());
        }
    return summary;
}

std::vector<TensorRow> tensors(const ir::Graph& graph, bool outputs) {
    std::vector<TensorRow> rows;
    const auto add = [&](const std::string& name, ir::ValueId id) {
        rows.push_back({name, std::string(to_string(graph.value(id).dtype)), ir::to_string(graph.value(id).dims)});
    };
    if (outputs)
        for (const ir::Output& output : graph.outputs) add(output.name, output.value);
    else
        for (const ir::ValueId id : graph.inputs) add(graph.value(id).name, id);
    return rows;
}

Json to_json(const std::vector<TensorRow>& rows) {
    Json list = Json::array();
    for (const TensorRow& row : rows) list.push_back({{"name", row.name}, {"dtype", row.type}, {"shape", row.shape}});
    return list;
}

void print_model(const Options& options, const ir::Graph& graph) {
    const Summary summary = summarise_model(graph);
    PlanView shown;
    shown.inputs = tensors(graph, false);
    shown.outputs = tensors(graph, true);
    if (options.json) {
        Json operators = Json::object();
        for (const auto& [op, count] : summary.operators)
            operators[op] = {{"nodes", count.nodes}, {"flops", count.flops}};
        std::cout << Json{{"name", graph.name},
                          {"inputs", to_json(shown.inputs)},
                          {"outputs", to_json(shown.outputs)},
                          {"nodes", summary.nodes},
                          {"flops", summary.flops},
                          {"weights", summary.weights},
                          {"weight_bytes", summary.weight_bytes},
                          {"operators", operators}}
                         .dump()
                  << "\n";
        return;
    }
    std::cout << fmt::format("{}: an ONNX model, graph \"{}\"\n", options.file.string(), graph.name)
              << describe_interface(shown);
    std::cout << fmt::format("nodes     {}\nweights   {} values, {}\n", summary.nodes,
                             scaled(static_cast<double>(summary.weights)), bytes(summary.weight_bytes));
    std::cout << fmt::format("FLOPs     {}{}\n\n", scaled(summary.flops),
                             summary.symbolic ? " with 1 for every size that is left open; --shape gives it" : "");
    std::vector<std::pair<std::string, Count>> order(summary.operators.begin(), summary.operators.end());
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.second.flops > b.second.flops; });
    Table table({{"operator", Table::Align::left}, {"nodes"}, {"FLOPs"}, {"share"}});
    for (const auto& [op, count] : order)
        table.add({op, std::to_string(count.nodes), scaled(count.flops), percent(count.flops, summary.flops)});
    std::cout << table.text(output_width());
}

/// Compiles without timing or proof, to see what becomes of the node.
void explain_model(const Options& options, ir::Graph graph) {
    compiler::BuildOptions build;
    build.gate = compiler::GateMode::off;
    build.tune = false;
    for (const auto& [name, shape] : parse_shapes(options.shapes)) build.profile[name] = {shape, shape, shape};
    compiler::BuildReport report;
    const plan::Plan plan = compiler::build(std::move(graph), api::backends(), build, &report);
    std::cout << explain(plan, options.why, &report);
}

void run(const Options& options) {
    if (plan::is_plan(base::map_file(options.file).bytes)) return inspect_plan(options, Plan::load(options.file));
    ir::Graph graph = read_model(options);
    if (!options.why.empty())
        explain_model(options, std::move(graph));
    else if (options.graph)
        std::cout << text_of(graph);
    else
        print_model(options, graph);
}

}  // namespace

Verb inspect_verb() {
    return {
        "inspect", "Show what is in a model or plan", [](CLI::App& app) -> std::function<void()> {
            const auto o = std::make_shared<Options>();
            app.add_option("file", o->file, "ONNX model or plan")->required()->type_name("MODEL|PLAN");
            app.add_option("--why", o->why, "What became of a node or tensor of the model, and why")->type_name("NODE");
            app.add_flag("--graph", o->graph, "Print the graph as text, without long constants");
            app.add_flag("--all", o->all, "All kernels of a plan, in the order in which they run");
            app.add_option("--shape", o->shapes, "Shape of a model's input; may be repeated")
                ->type_name("NAME=1x3x480x640")
                ->expected(1)
                ->take_all();
            app.add_flag("--json", o->json, "Print as JSON");
            app.footer(
                "Examples:\n"
                "  fovea inspect model.onnx\n"
                "  fovea inspect model.plan --why layer1.0.conv1");
            return [o] { run(*o); };
        }};
}

}  // namespace fovea::cli
