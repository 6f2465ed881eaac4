#include "plan_options.hpp"

#include <CLI/CLI.hpp>

#include "tensors.hpp"

namespace fovea::cli {

void add_device_option(CLI::App& app, std::string& device) {
    app.add_option("--device", device, "Device to run on: cpu, cuda:1, ...; instead of the one the plan was built for")
        ->type_name("DEVICE");
}

void add_plan_options(CLI::App& app, PlanOptions& options) {
    app.add_option("plan", options.plan, "Plan that `fovea build` wrote")->required()->type_name("PLAN");
    auto* shape =
        app.add_option("--shape", options.shapes, "Shape of an input, instead of the profile's best; may be repeated")
            ->type_name("NAME=1x3x480x640")
            ->expected(1)
            ->take_all();
    app.add_option("--input", options.input, "Arrays to run on, instead of random numbers")
        ->type_name("FILE.npz")
        ->excludes(shape);
    add_device_option(app, options.device);
    app.add_option("--threads", options.threads, "Threads of one run; 0: as many as the plan was built for")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
}

Tensors inputs_of(const Engine& engine, const PlanOptions& options, const std::map<std::string, Shape>& shapes) {
    return options.input.empty() ? random_inputs(engine, shapes) : match_inputs(engine, read_npz(options.input));
}

}  // namespace fovea::cli
