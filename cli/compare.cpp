#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>

#include "compiler/comparison.hpp"
#include "compiler/gate.hpp"
#include "fovea/engine.hpp"
#include "fovea/error.hpp"
#include "images.hpp"
#include "media/image_file.hpp"
#include "onnxruntime.hpp"
#include "oracle.hpp"
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
namespace fs = std::filesystem;

struct Options {
    fs::path plan, model, inputs, contract;
    std::string against = "reference", python = "python3";
    std::string device;
    int random = 1, threads = 0;
    double tolerance = 0;
    bool kernels = false, all = false, json = false;
};

/// Where the inputs of the comparison come from, one after the other.
class Source {
  public:
    Source(const Engine& engine, const Options& options) : engine_(engine), options_(options) {
        if (options.inputs.empty()) return;
        if (!fs::is_directory(options.inputs))
            throw Error(ErrorCode::io, "a folder is expected").in(options.inputs.string());
        for (const auto& entry : fs::directory_iterator(options.inputs)) {
            const fs::path& path = entry.path();
            if (is_image(path) || path.extension() == ".npz" || path.extension() == ".npy") files_.push_back(path);
        }
        std::sort(files_.begin(), files_.end());
        if (files_.empty())
            throw Error(ErrorCode::io, "the folder holds no .npz, .npy, .png or .jpg file").in(options.inputs.string());
        if (std::any_of(files_.begin(), files_.end(), is_image)) contract_ = contract_for(engine, options.contract);
    }

    [[nodiscard]] std::size_t size() const {
        return options_.inputs.empty() ? static_cast<std::size_t>(options_.random) : files_.size();
    }

    [[nodiscard]] std::string name(std::size_t i) const {
        return options_.inputs.empty() ? fmt::format("random {}", i + 1) : files_[i].filename().string();
    }

    [[nodiscard]] Tensors read(std::size_t i) const {
        if (options_.inputs.empty()) return random_inputs(engine_, {}, static_cast<std::uint32_t>(i + 1));
        try {
            return match_inputs(engine_, is_image(files_[i]) ? image_input(contract_, media::read_image(files_[i]))
                                                             : read_npz(files_[i]));
        } catch (Error& error) {
            throw error.context().empty() || error.context().back() != files_[i].string() ? error.in(files_[i].string())
                                                                                          : error;
        }
    }

  private:
    const Engine& engine_;
    const Options& options_;
    std::vector<fs::path> files_;
    vision::Contract contract_;
};

/// Errors of one output or kernel over all inputs.
struct Row {
    std::string name;
    double sum = 0, worst = -1, snr = 200, tolerance = 0;
    int count = 0;
    std::string worst_input;

    void add(const plan::Evidence& evidence, const std::string& input) {
        sum += evidence.max_error;
        ++count;
        snr = std::min(snr, evidence.snr_db);
        tolerance = evidence.tolerance;
        if (!(evidence.max_error <= worst)) {
            worst = evidence.max_error;
            worst_input = input;
        }
    }
    [[nodiscard]] double mean() const { return count ? sum / count : 0; }
    [[nodiscard]] Json json() const {
        return {{"name", name},
                {"inputs", count},
                {"mean_error", mean()},
                {"worst_error", worst},
                {"worst_input", worst_input},
                {"worst_snr_db", snr},
                {"tolerance", tolerance}};
    }
};

std::vector<Tensor> ordered(const Engine& engine, const Tensors& tensors) {
    std::vector<Tensor> list;
    for (const TensorInfo& input : engine.inputs()) list.push_back(tensors.at(input.name));
    return list;
}

class Comparison {
  public:
    Comparison(const Engine& engine, const Options& options)
        : engine_(engine), options_(options), source_(engine, options), context_(engine.make_context()) {
        if (options.kernels) return;
        if (options.against == "onnxruntime")
            oracle_ = onnxruntime_oracle(options.model, options.python);
        else
            oracle_ = make_oracle(engine.content()->plan(), options.model,
                                  options.against == "reference" ? OracleKind::reference : OracleKind::unfused);
        for (const TensorInfo& output : engine.outputs()) rows_.push_back({output.name});
    }

    const std::vector<Row>& run() {
        Progress progress;
        for (std::size_t i = 0; i < source_.size(); ++i) {
            progress.update("compare", static_cast<double>(i) / static_cast<double>(source_.size()));
            const Tensors inputs = source_.read(i);
            if (options_.kernels)
                compare_kernels(inputs, source_.name(i));
            else
                compare_outputs(inputs, source_.name(i));
        }
        return rows_;
    }

    [[nodiscard]] std::size_t inputs() const { return source_.size(); }

  private:
    void compare_outputs(const Tensors& inputs, const std::string& name) {
        bind_inputs(context_, inputs);
        context_.run();
        const Tensors ours = outputs(engine_, context_), theirs = oracle_(inputs);
        for (Row& row : rows_) {
            const auto expected = theirs.find(row.name);
            if (expected == theirs.end())
                throw Error(ErrorCode::invalid_argument,
                            "the model has no such output; is it the one that the plan was built from?")
                    .in("output " + row.name);
            row.add(compiler::compare(ours.at(row.name), expected->second), name);
        }
    }

    void compare_kernels(const Tensors& inputs, const std::string& name) {
        plan::Certificate certificate;
        compiler::GateOptions gate;
        gate.mode = options_.all ? compiler::GateMode::full : compiler::GateMode::boxes;
        runtime::Context context(engine_.content());
        (void)compiler::check_kernels(context, ordered(engine_, inputs), gate, certificate);
        rows_.resize(std::max(rows_.size(), certificate.kernels.size()));
        for (std::size_t k = 0; k < certificate.kernels.size(); ++k) {
            rows_[k].name = certificate.kernels[k].subject;
            rows_[k].add(certificate.kernels[k], name);
        }
    }

    const Engine& engine_;
    const Options& options_;
    Source source_;
    Context context_;
    Oracle oracle_;
    std::vector<Row> rows_;
};

void print(const Options& options, const std::vector<Row>& rows, std::size_t inputs) {
    std::cout << fmt::format("{} against {}, {} input{}; error is max|a-b| / max|b|\n\n", options.plan.string(),
                             options.kernels                    ? "the reference kernels on the plan's own tensors"
                             : options.against == "reference"   ? "the model by reference kernels"
                             : options.against == "onnxruntime" ? "the model by ONNX Runtime"
                                                                : "the model unfused in fp32 by CPU kernels",
                             inputs, inputs == 1 ? "" : "s");
    Table table({{options.kernels ? "kernel" : "output", Table::Align::left, true},
                 {"mean error"},
                 {"worst error"},
                 {"worst SNR dB"},
                 {"worst input", Table::Align::left, true}});
    for (const Row& row : rows)
        table.add(
            {row.name, scientific(row.mean()), scientific(row.worst), fmt::format("{:.1f}", row.snr), row.worst_input});
    std::cout << table.text(output_width());
}

void require_tolerance(const Options& options, const std::vector<Row>& rows) {
    const Row* worst = nullptr;
    for (const Row& row : rows) {
        const double allowed = options.tolerance > 0 ? options.tolerance : options.kernels ? row.tolerance : INFINITY;
        if (!(row.worst <= allowed) && (!worst || row.worst > worst->worst)) worst = &row;
    }
    if (!worst) return;
    std::cout.flush();
    throw Error(ErrorCode::numerics,
                fmt::format("error {} for {}, more than {} allowed", scientific(worst->worst), worst->worst_input,
                            scientific(options.tolerance > 0 ? options.tolerance : worst->tolerance)))
        .in((options.kernels ? "kernel " : "output ") + worst->name);
}

void run(const Options& options) {
    if (options.model.empty() && !options.kernels)
        throw Error(ErrorCode::invalid_argument, "give --model MODEL to compare outputs, or --kernels").in("compare");
    const Engine engine(options.plan, options.threads, options.device);
    Comparison comparison(engine, options);
    const std::vector<Row>& rows = comparison.run();
    if (options.json) {
        Json list = Json::array();
        for (const Row& row : rows) list.push_back(row.json());
        std::cout << Json{{"plan", options.plan.string()},
                          {"against", options.kernels ? "reference kernels" : options.against},
                          {"inputs", comparison.inputs()},
                          {options.kernels ? "kernels" : "outputs", list}}
                         .dump()
                  << "\n";
    } else {
        print(options, rows, comparison.inputs());
    }
    require_tolerance(options, rows);
}

}  // namespace

Verb compare_verb() {
    return {"compare", "Compare a plan's results with the reference", [](CLI::App& app) -> std::function<void()> {
                const auto o = std::make_shared<Options>();
                app.add_option("plan", o->plan, "Plan that `fovea build` wrote")->required()->type_name("PLAN");
                app.add_option("--model", o->model, "ONNX model that the plan was built from")->type_name("MODEL");
                app.add_option("--against", o->against,
                               "reference: plain loops on the model as it is, slow for large networks;\nunfused: the "
                               "simplified model by CPU kernels, operator by operator in fp32;\nonnxruntime: the model "
                               "by ONNX Runtime, where it is installed")
                    ->type_name("ORACLE")
                    ->check(CLI::IsMember({"reference", "unfused", "onnxruntime"}))
                    ->capture_default_str();
                app.add_option("--python", o->python, "Python that has the package onnxruntime")
                    ->type_name("PROGRAM")
                    ->capture_default_str();
                app.add_flag("--kernels", o->kernels, "Compare every kernel on its own inputs, instead of the outputs");
                app.add_flag("--all", o->all, "With --kernels: every element instead of samples");
                app.add_option("--inputs", o->inputs, "Folder of .npz, .npy, .png and .jpg files to run on")
                    ->type_name("DIR");
                app.add_option("--random", o->random, "Without --inputs: number of random inputs")
                    ->type_name("N")
                    ->check(CLI::Range(1, 1'000'000))
                    ->capture_default_str();
                app.add_option("--contract", o->contract, "Pre-processing for images, instead of the plan's own")
                    ->type_name("FILE.json");
                app.add_option("--tolerance", o->tolerance, "Largest error allowed; beyond it the exit code is 9")
                    ->type_name("ERROR")
                    ->check(CLI::PositiveNumber);
                add_device_option(app, o->device);
                app.add_option("--threads", o->threads, "Threads; 0: as many as the plan was built for")
                    ->type_name("N")
                    ->check(CLI::NonNegativeNumber);
                app.add_flag("--json", o->json, "Print as JSON");
                app.footer(
                    "Examples:\n"
                    "  fovea compare model.plan --model model.onnx --random 3 --tolerance 1e-4\n"
                    "  fovea compare model.plan --model model.onnx --inputs images/ --against onnxruntime\n"
                    "  fovea compare model.plan --kernels");
                return [o] { run(*o); };
            }};
}

}  // namespace fovea::cli
