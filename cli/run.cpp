#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <set>

#include "fovea/engine.hpp"
#include "fovea/error.hpp"
#include "images.hpp"
#include "media/image_file.hpp"
#include "plan_options.hpp"
#include "tensors.hpp"
#include "units.hpp"
#include "verb.hpp"
#include "vision/draw.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct Options {
    fs::path plan, input, output, contract;
    std::vector<fs::path> images;
    std::string device;
    int threads = 0;
    bool json = false;
};

[[noreturn]] void misuse(const std::string& message) { throw Error(ErrorCode::invalid_argument, message).in("run"); }

Json describe(const Tensors& tensors) {
    Json result = Json::object();
    for (const auto& [name, tensor] : tensors)
        result[name] = {{"dtype", to_string(tensor.dtype())}, {"shape", tensor.shape()}};
    return result;
}

void print(const Tensors& tensors) {
    for (const auto& [name, tensor] : tensors)
        std::cout << fmt::format("{} {}{}\n", name, to_string(tensor.dtype()), base::to_string(tensor.shape()));
}

void run_arrays(const Options& options, const Engine& engine) {
    const Tensors inputs = match_inputs(engine, read_npz(options.input));
    Context context = engine.make_context();
    bind_inputs(context, inputs);
    context.run();
    const Tensors results = outputs(engine, context);
    if (!options.output.empty()) write_npz(options.output, results);
    if (!options.json) return print(results);
    Json row = {{"outputs", describe(results)}};
    if (!options.output.empty()) row["written"] = options.output.string();
    std::cout << row.dump() << "\n";
}

std::string label_of(const vision::OutputContract& contract, std::int64_t label) {
    const auto index = static_cast<std::size_t>(label);
    return index < contract.labels.size() ? contract.labels[index] : std::to_string(label);
}

Json describe(const vision::OutputContract& contract, const vision::Detection& detection) {
    Json landmarks = Json::array();
    for (const vision::Point& point : detection.landmarks) landmarks.push_back({point.x, point.y});
    const vision::Box& box = detection.box;
    return {{"label", label_of(contract, detection.label)},
            {"score", detection.score},
            {"box", {box.x1, box.y1, box.x2, box.y2}},
            {"landmarks", landmarks}};
}

/// Adds what was found for one task to an image's row.
void describe(const vision::OutputContract& contract, const vision::Findings& findings, Json& row) {
    switch (vision::task_of(contract.decoder)) {
        case vision::Task::detection:
            row["detections"] = Json::array();
            for (const vision::Detection& found : *findings.detections)
                row["detections"].push_back(describe(contract, found));
            return;
        case vision::Task::segmentation:
            row["classes"] = Json::array();
            for (const vision::ClassShare& found : vision::class_shares(*findings.labels))
                row["classes"].push_back({{"label", label_of(contract, found.label)}, {"share", found.share}});
            return;
        case vision::Task::depth: {
            const vision::DepthRange range = vision::depth_range(*findings.depth);
            row["depth"] = {{"nearest", range.nearest}, {"median", range.median}, {"farthest", range.farthest}};
        }
    }
}

/// Where the drawing of `image` goes; empty: nowhere.
fs::path drawing_path(const Options& options, const fs::path& image) {
    if (options.output.empty()) return {};
    if (fs::is_directory(options.output)) return options.output / (image.stem().string() + ".png");
    return options.output;
}

void check_drawings(const Options& options, const vision::Contract& contract) {
    if (options.output.empty()) return;
    if (contract.outputs.empty())
        misuse("the contract names no decoder, so there is nothing to draw; write the outputs with --output FILE.npz");
    std::set<fs::path> names;
    for (const fs::path& image : options.images)
        if (!names.insert(drawing_path(options, image)).second)
            misuse("two images would be written to one file; give --output a folder, and images of different names");
}

Json run_image(const Options& options, const Engine& engine, Context& context, const vision::Contract& contract,
               const fs::path& path) {
    const Seen seen = look(engine, context, contract, path);
    Json row = {{"image", path.string()},
                {"width", seen.image.width},
                {"height", seen.image.height},
                {"outputs", describe(seen.outputs)}};
    if (options.output.extension() == ".npz") {
        write_npz(options.output, seen.outputs);
        row["written"] = options.output.string();
    } else if (const fs::path drawing = drawing_path(options, path); !drawing.empty()) {
        media::write_image(drawing, vision::illustrate(seen.image, contract.outputs, seen.findings));
        row["written"] = drawing.string();
    }
    for (const vision::OutputContract& output : contract.outputs) describe(output, seen.findings, row);
    return row;
}

void print_findings(const Json& row) {
    const auto number = [](const Json& value) { return value.get<double>(); };
    if (row.contains("detections"))
        for (const Json& found : row["detections"]) {
            const Json& box = found["box"];
            std::cout << fmt::format("  {} {:.3f} at {:.1f}, {:.1f} to {:.1f}, {:.1f}\n",
                                     found["label"].get<std::string>(), number(found["score"]), number(box[0]),
                                     number(box[1]), number(box[2]), number(box[3]));
        }
    if (row.contains("classes"))
        for (const Json& found : row["classes"])
            std::cout << fmt::format("  {} {:.1f} % of the pixels\n", found["label"].get<std::string>(),
                                     100 * number(found["share"]));
    if (row.contains("depth"))
        std::cout << fmt::format("  depth {:.1f} to {:.1f} m, median {:.1f} m\n", number(row["depth"]["nearest"]),
                                 number(row["depth"]["farthest"]), number(row["depth"]["median"]));
}

void print_image(const Json& row, bool decoded) {
    std::cout << fmt::format("{} {}x{}", row["image"].get<std::string>(), row["width"].get<int>(),
                             row["height"].get<int>());
    if (row.contains("written")) std::cout << " -> " << row["written"].get<std::string>();
    std::cout << "\n";
    if (decoded) return print_findings(row);
    for (const auto& [name, tensor] : row["outputs"].items())
        std::cout << fmt::format("  {} {}{}\n", name, tensor["dtype"].get<std::string>(), tensor["shape"].dump());
}

void run_images(const Options& options, const Engine& engine) {
    const vision::Contract contract = contract_for(engine, options.contract);
    const bool arrays = options.output.extension() == ".npz";
    if (arrays && options.images.size() > 1)
        misuse("one .npz holds the outputs of one image; run the images one by one");
    if (!arrays) check_drawings(options, contract);
    Context context = engine.make_context();
    Json rows = Json::array();
    for (const fs::path& image : options.images) {
        rows.push_back(run_image(options, engine, context, contract, image));
        if (!options.json) print_image(rows.back(), !contract.outputs.empty());
    }
    if (options.json) std::cout << Json{{"images", rows}}.dump() << "\n";
}

void run(const Options& options) {
    if (options.input.empty() == options.images.empty()) misuse("give either images or --input FILE.npz");
    const Engine engine(options.plan, options.threads, options.device);
    if (options.images.empty())
        run_arrays(options, engine);
    else
        run_images(options, engine);
}

}  // namespace

Verb run_verb() {
    return {"run", "Run a plan on images or arrays", [](CLI::App& app) -> std::function<void()> {
                const auto options = std::make_shared<Options>();
                app.add_option("plan", options->plan, "Plan that `fovea build` wrote")->required()->type_name("PLAN");
                app.add_option("images", options->images, "PNG or JPEG files, prepared as the contract says")
                    ->type_name("IMAGE...");
                app.add_option("--input", options->input,
                               "Arrays named after the plan's inputs, as numpy.savez writes them")
                    ->type_name("FILE.npz");
                app.add_option("-o,--output", options->output,
                               "For arrays: FILE.npz. For images: a .png or .jpg with what was found drawn in,\na "
                               "folder for several, or FILE.npz")
                    ->type_name("FILE");
                app.add_option("--contract", options->contract, "Pre- and post-processing, instead of the plan's own")
                    ->type_name("FILE.json");
                add_device_option(app, options->device);
                app.add_option("--threads", options->threads, "Threads; 0: as many as the plan was built for")
                    ->type_name("N")
                    ->check(CLI::NonNegativeNumber);
                app.add_flag("--json", options->json, "Print the results as JSON");
                app.footer(
                    "Examples:\n"
                    "  fovea run model.plan --input in.npz --output out.npz\n"
                    "  fovea run faces.plan photo.jpg --output faces.png\n"
                    "  fovea run street.plan frames/*.jpg --output drawn/ --json");
                return [options] { run(*options); };
            }};
}

}  // namespace fovea::cli
