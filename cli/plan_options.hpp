#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "fovea/engine.hpp"
#include "npz.hpp"

namespace CLI {
class App;
}

namespace fovea::cli {

/// What the verbs that time a plan share: the plan, its threads, and what it runs on.
struct PlanOptions {
    std::filesystem::path plan, input;
    std::vector<std::string> shapes;
    std::string device;
    int threads = 0;
};

/// Declares --device.
void add_device_option(CLI::App& app, std::string& device);
/// Declares PLAN, --shape, --input, --device and --threads.
void add_plan_options(CLI::App& app, PlanOptions& options);

/// The arrays of --input, or else random ones at `shapes` and, for inputs that these do not name, at the profile's
/// best.
Tensors inputs_of(const Engine& engine, const PlanOptions& options, const std::map<std::string, Shape>& shapes);

}  // namespace fovea::cli
