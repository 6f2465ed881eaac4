// The operators' case files in the GPU's column: each built for the GPU, every element of every kernel held against the
// reference, the outputs against the same graph on the host.
#include <gtest/gtest.h>

#include "cuda/plans.hpp"
#include "ops/cases.hpp"

namespace fovea::backend {
namespace {

class OperatorCases : public testing::TestWithParam<test::OperatorCase> {};

TEST_P(OperatorCases, AgreeWithTheReference) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    compiler::BuildOptions options;
    options.gate = compiler::GateMode::full;
    options.tune = false;
    const plan::Plan plan = compiler::build(GetParam().graph, backends(), options);
    EXPECT_EQ(plan.targets.at(0).certificate.outputs.size(), plan.graph.outputs.size());
}

class OperatorCompile : public testing::TestWithParam<test::OperatorCase> {};

TEST_P(OperatorCompile, PreparesEveryKernel) {
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    const runtime::Backends backends = compilers(90);
    const plan::Plan plan = plan_of(GetParam().graph, backends);
    std::vector<Shape> shapes;
    for (const ir::ValueId id : plan.graph.inputs) shapes.push_back(plan.profile.at(plan.graph.value(id).name).opt);
    const auto steps = plan.targets.at(0).steps.size();
    EXPECT_LE(runtime::Engine(plan, backends).program(shapes)->launches.size(), steps);
}

INSTANTIATE_TEST_SUITE_P(Cuda, OperatorCompile, testing::ValuesIn(test::operator_cases(FOVEA_OPERATOR_CASES)),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Cuda, OperatorCases, testing::ValuesIn(test::operator_cases(FOVEA_OPERATOR_CASES)),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fovea::backend
