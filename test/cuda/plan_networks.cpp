// Plans networks for a GPU that need not be there and prints, as JSON, how many kernels each plan has and which nodes
// it leaves to the host. With --compile, the kernels are compiled, too. Read by test/models/test_gpu_plans.py.
//
//     plan_networks [--compile] CAPABILITY TYPE MODEL...

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "backend/cuda/cuda.hpp"
#include "backend/reference/reference.hpp"
#include "compiler/build.hpp"
#include "fovea/error.hpp"
#include "onnx/import.hpp"

namespace fovea {
namespace {

using Json = nlohmann::json;

Json describe(const runtime::Backends& backends, const char* model, DType type, bool compile) {
    compiler::BuildOptions options;
    options.precision = type;
    options.gate = compiler::GateMode::off;
    options.tune = false;
    compiler::BuildReport report;
    const plan::Plan plan = compiler::build(onnx::import_model(model), backends, options, &report);
    Json host = Json::array();
    for (const auto& [node, reason] : report.refusals) host.push_back(node + ": " + reason);
    const auto& steps = plan.targets.at(0).steps;
    if (compile) {
        std::vector<Shape> shapes;
        for (const ir::ValueId id : plan.graph.inputs) shapes.push_back(plan.profile.at(plan.graph.value(id).name).opt);
        (void)runtime::Engine(plan, backends).program(shapes);
    }
    return {{"kernels", steps.size()}, {"host", host}};
}

/// Exit status: 3 where there is no CUDA to compile with.
int run(int count, char** arguments) {
    const bool compile = count > 1 && !std::strcmp(arguments[1], "--compile");
    const int first = compile ? 2 : 1;
    if (count < first + 3) {
        std::fprintf(stderr, "usage: plan_networks [--compile] CAPABILITY TYPE MODEL...\n");
        return 2;
    }
    runtime::Backends backends = {backend::make_reference_backend()};
    try {
        backends.insert(backends.begin(), backend::make_cuda_compiler(std::atoi(arguments[first])));
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 3;
    }
    const DType type = dtype_from_string(arguments[first + 1]);
    Json plans = Json::array();
    for (int i = first + 2; i < count; ++i) plans.push_back(describe(backends, arguments[i], type, compile));
    std::printf("%s\n", plans.dump().c_str());
    return 0;
}

}  // namespace
}  // namespace fovea

int main(int count, char** arguments) {
    try {
        return fovea::run(count, arguments);
    } catch (const fovea::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
