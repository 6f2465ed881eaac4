#include <gtest/gtest.h>

#include "backend/cpu/cpu.hpp"
#include "backend/reference/reference.hpp"
#include "compiler/build.hpp"
#include "compiler/comparison.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"

/// Plans on machines that they were not built for.
namespace fovea::compiler {
namespace {

constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32[1, 4, 9, 11]
  const %w : f32[6, 4, 3, 3] = random(1)
  const %b : f32[6] = random(2)
  const %q : i8[3, 6, 1, 1] = [1, -20, 3, 4, 5, 60, 7, 8, -9, 10, 11, 12, 13, -14, 15, 16, 17, 90]
  const %s : f32[3] = [0.01, 0.02, 0.03]
  const %z : i8[3] = [0, 0, 0]
  %c : f32[*] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}
  %r : f32[*] = Relu(%c)
  %v : f32[*] = DequantizeLinear(%q, %s, %z) {axis = 0}
  %y : f32[*] = Conv(%r, %v)
  output "y" = %y
})";

runtime::Backends cpu() {
    runtime::Backends backends;
    backends.push_back(backend::make_cpu_backend());
    backends.push_back(backend::make_reference_backend());
    return backends;
}

BuildOptions options(DType precision) {
    BuildOptions options;
    options.precision = precision;
    options.tune = false;
    options.threads = 1;
    return options;
}

/// A plan whose only section was made on another machine, as a file would bring it here.
plan::Plan foreign_plan(DType precision = DType::f32) {
    plan::Plan plan = build(ir::parse(kNetwork), cpu(), options(precision));
    plan.targets[0].target = "another instruction set";
    const auto bytes = std::make_shared<const std::vector<std::byte>>(plan::serialize(plan));
    return plan::deserialize(*bytes, bytes);
}

class Retarget : public testing::TestWithParam<DType> {};

TEST(ForeignPlan, IsRefusedWithTheCommandThatHelps) {
    try {
        const runtime::Engine engine(foreign_plan(), cpu());
        FAIL() << "accepted";
    } catch (const Error& error) {
        const std::string message = error.what();
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        for (const char* part :
             {"another instruction set", "this machine offers cpu (", "fovea build PLAN --target cpu"})
            EXPECT_NE(message.find(part), std::string::npos) << message;
    }
}

TEST_P(Retarget, AddsASectionThatRunsHereAndIsProven) {
    const plan::Plan before = foreign_plan(GetParam());
    const plan::Plan after = retarget(before, cpu(), options(DType::f32));
    ASSERT_EQ(after.targets.size(), 2u);
    EXPECT_EQ(ir::print(after.graph), ir::print(before.graph));
    EXPECT_EQ(after.targets[0].target, "another instruction set");
    EXPECT_EQ(after.targets[0].steps.size(), before.targets[0].steps.size());
    EXPECT_EQ(after.targets[1].target, cpu()[0]->target());
    EXPECT_EQ(after.targets[1].certificate.mode, "boxes");
    EXPECT_FALSE(after.targets[1].certificate.kernels.empty());
    ASSERT_EQ(after.targets[1].certificate.outputs.size(), 1u);

    runtime::Context context(std::make_shared<const runtime::Engine>(after, cpu()));
    const auto inputs = random_inputs(after.graph, {{1, 4, 9, 11}}, 3);
    context.bind_input(0, DType::f32, inputs[0].shape(), inputs[0].raw());
    context.run();
    const Tensor expected = ops::evaluate(ir::parse(kNetwork), inputs)[0];
    EXPECT_LE(compare(context.output(0), expected).max_error, GetParam() == DType::f32 ? 1e-5 : 2e-2);
}

TEST_P(Retarget, RenewsTheSectionOfThisMachine) {
    const plan::Plan once = retarget(foreign_plan(GetParam()), cpu(), options(DType::f32));
    BuildOptions unfused = options(DType::f32);
    unfused.fuse = false;
    const plan::Plan twice = retarget(once, cpu(), unfused);
    ASSERT_EQ(twice.targets.size(), 2u);
    EXPECT_GT(twice.targets[1].steps.size(), once.targets[1].steps.size());
}

TEST_P(Retarget, AddsASectionOfReferenceKernels) {
    runtime::Backends reference;
    reference.push_back(backend::make_reference_backend());
    const plan::Plan plan = retarget(foreign_plan(GetParam()), reference, options(DType::f32));
    ASSERT_EQ(plan.targets.size(), 2u);
    EXPECT_EQ(plan.targets[1].backend, "reference");
    EXPECT_NO_THROW(runtime::Engine(plan, reference));
}

INSTANTIATE_TEST_SUITE_P(Compiler, Retarget, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace fovea::compiler
