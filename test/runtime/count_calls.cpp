// Prints how often two runs of a plan, after warm-up, ask for memory and locks, as JSON: one object for one thread and
// one for two. Read by test/models/test_networks.py.
//
//     count_calls PLAN

#include <cstdio>

#include "backend/cpu/cpu.hpp"
#include "compiler/gate.hpp"
#include "runtime/calls.hpp"

namespace fovea::runtime {
namespace {

constexpr int kWarmUpRuns = 3;

void print_calls(const plan::Plan& plan, int threads) {
    const auto engine =
        std::make_shared<const Engine>(plan, Backends{backend::make_cpu_backend()}, EngineOptions{threads});
    std::vector<Shape> shapes;
    for (const ir::ValueId id : plan.graph.inputs) shapes.push_back(plan.profile.at(plan.graph.value(id).name).opt);
    const auto inputs = compiler::random_inputs(plan.graph, shapes, 1);
    Context context(engine);
    compiler::bind_inputs(context, inputs);
    for (int i = 0; i < kWarmUpRuns; ++i) context.run();
    Calls runs[2];
    for (Calls& calls : runs) calls = count_calls([&] { context.run(); });
    std::printf(
        R"({"threads": %d, "own_allocations": [%d, %d], "own_locks": [%d, %d], "library_allocations": [%d, %d], "library_locks": [%d, %d]})",
        threads, runs[0].own_allocations, runs[1].own_allocations, runs[0].own_locks, runs[1].own_locks,
        runs[0].library_allocations, runs[1].library_allocations, runs[0].library_locks, runs[1].library_locks);
}

}  // namespace
}  // namespace fovea::runtime

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: count_calls PLAN\n");
        return 2;
    }
    const fovea::plan::Plan plan = fovea::plan::load(arguments[1]);
    std::printf("[");
    fovea::runtime::print_calls(plan, 1);
    std::printf(",\n ");
    fovea::runtime::print_calls(plan, 2);
    std::printf("]\n");
}
