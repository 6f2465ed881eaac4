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

std::string label_of(const vision::Contract& contract, const vision::Detection& detection) {
    const auto index = static_cast<std::size_t>(detection.label);
    return index < contract.output.labels.size() ? contract.output.labels[index] : std::to_string(detection.label);
}

Json describe(const vision::Contract& contract, const vision::Detection& detection) {
    Json landmarks = Json::array();
    for (const vision::Point& point : detection.landmarks) landmarks.push_back({point.x, point.y});
    const vision::Box& box = detection.box;
    return {{"label", label_of(contract, detection)},
            {"score", detection.score},
            {"box", {box.x1, box.y1, box.x2, box.y2}},
            {"landmarks", landmarks}};
}

/// Where the drawing of `image` goes; empty: nowhere.
fs::path drawing_path(const Options& options, const fs::path& image) {
    if (options.output.empty()) return {};
    if (fs::is_directory(options.output)) return options.output / (image.stem().string() + ".png");
    return options.output;
}

void check_drawings(const Options& options, const vision::Contract& contract) {
    if (options.output.empty()) return;
    if (contract.output.decoder.empty())
        misuse("the contract names no decoder, so there is nothing to draw; write the outputs with --output FILE.npz");
    std::set<fs::path> names;
    for (const fs::path& image : options.images)
        if (!names.insert(drawing_path(options, image)).second)
            misuse("two images would be written to one file; give --output a folder, and images of different names");
}

Json run_image(const Options& options, const Engine& engine, Context& context, const vision::Contract& contract,
               const fs::path& path) {
    Seen seen = look(engine, context, contract, path);
    Json row = {{"image", path.string()},
                {"width", seen.image.width},
                {"height", seen.image.height},
                {"outputs", describe(seen.outputs)}};
    if (options.output.extension() == ".npz") {
        write_npz(options.output, seen.outputs);
        row["written"] = options.output.string();
    } else if (const fs::path drawing = drawing_path(options, path); !drawing.empty()) {
        vision::draw_detections(seen.image, seen.detections, contract.output.labels);
        media::write_image(drawing, seen.image);
        row["written"] = drawing.string();
    }
    if (!contract.output.decoder.empty()) {
        row["detections"] = Json::array();
        for (const vision::Detection& detection : seen.detections)
            row["detections"].push_back(describe(contract, detection));
    }
    return row;
}

void print_image(const Json& row) {
    std::cout << fmt::format("{} {}x{}", row["image"].get<std::string>(), row["width"].get<int>(),
                             row["height"].get<int>());
    if (row.contains("written")) std::cout << " -> " << row["written"].get<std::string>();
    std::cout << "\n";
    if (!row.contains("detections"))
        for (const auto& [name, tensor] : row["outputs"].items())
            std::cout << fmt::format("  {} {}{}\n", name, tensor["dtype"].get<std::string>(), tensor["shape"].dump());
    else
        for (const Json& found : row["detections"])
            std::cout << fmt::format("  {} {:.3f} at {:.1f}, {:.1f} to {:.1f}, {:.1f}\n",
                                     found["label"].get<std::string>(), found["score"].get<double>(),
                                     found["box"][0].get<double>(), found["box"][1].get<double>(),
                                     found["box"][2].get<double>(), found["box"][3].get<double>());
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
        if (!options.json) print_image(rows.back());
    }
    if (options.json) std::cout << Json{{"images", rows}}.dump() << "\n";
}

void run(const Options& options) {
    if (options.input.empty() == options.images.empty()) misuse("give either images or --input FILE.npz");
    const Engine engine(options.plan, options.threads);
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
                app.add_option("--threads", options->threads, "Threads; 0: as many as the plan was built for")
                    ->type_name("N")
                    ->check(CLI::NonNegativeNumber);
                app.add_flag("--json", options->json, "Print the results as JSON");
                app.footer(
                    "Examples:\n"
                    "  fovea run model.plan --input in.npz --output out.npz\n"
                    "  fovea run faces.plan photo.jpg --output faces.png");
                return [options] { run(*options); };
            }};
}

}  // namespace fovea::cli
