#include <gtest/gtest.h>

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "compiler/prove.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "runtime/pretend_device.hpp"

/// Ways of launching that give other outputs than the kernels one by one.
namespace fovea::compiler {
namespace {

constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32[1, 4, 9, 11]
  %a : f32[*] = Relu(%x)
  %b : f32[*] = Sigmoid(%x)
  %y : f32[*] = Add(%a, %b)
  output "y" = %y
})";

/// When a kernel's result is wrong: where it is launched beside others, or whenever another was launched in between.
enum class Fault { none, side_by_side, together };

struct Launches {
    Fault fault = Fault::none;
    const backend::Stream* first = nullptr;  ///< where the first kernel ran
    int count = 0;
};

class FaultyKernel final : public backend::Kernel {
  public:
    FaultyKernel(std::unique_ptr<Kernel> right, Launches& launches) : right_(std::move(right)), launches_(launches) {}
    void run(const backend::KernelArgs& args) const override {
        if (!launches_.first) launches_.first = args.stream;
        right_->run(args);
        const bool beside = launches_.fault == Fault::side_by_side && args.stream != launches_.first;
        const auto spoil = [&launches = launches_, own = ++launches_.count, beside, y = args.outputs[0]] {
            if (beside || (launches.fault == Fault::together && launches.count != own)) y[3] ^= std::byte{1};
        };
        static_cast<runtime::PretendStream*>(args.stream)->submit(spoil);
    }
    [[nodiscard]] std::unique_ptr<backend::KernelState> make_state() const override { return right_->make_state(); }

  private:
    std::unique_ptr<Kernel> right_;
    Launches& launches_;
};

class FaultyDevice final : public backend::Backend {
  public:
    [[nodiscard]] std::string_view name() const override { return right_.name(); }
    [[nodiscard]] std::string target() const override { return right_.target(); }
    [[nodiscard]] const backend::Device* device() const override { return right_.device(); }
    [[nodiscard]] std::size_t matcher_count() const override { return right_.matcher_count(); }
    std::variant<backend::Region, backend::Refusal> match(std::size_t matcher, const backend::MatchContext& context,
                                                          ir::NodeId root) const override {
        return right_.match(matcher, context, root);
    }
    [[nodiscard]] std::vector<backend::Tactic> tactics(const backend::RegionContext& context) const override {
        return right_.tactics(context);
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        return std::make_unique<FaultyKernel>(right_.prepare(context, tactic), *launches);
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> conversion(const backend::TensorDesc& from,
                                                              const backend::TensorDesc& to) const override {
        return right_.conversion(from, to);
    }

    std::unique_ptr<Launches> launches = std::make_unique<Launches>();

  private:
    runtime::PretendBackend right_;
};

/// The section of a plan that its build had launched side by side, after its proof.
plan::TargetSection proven(Fault fault) {
    const auto device = std::make_shared<FaultyDevice>();
    const runtime::Backends backends = {device, backend::make_cpu_backend()};
    plan::Plan plan = build(ir::parse(kNetwork), backends, {.threads = 1, .gate = GateMode::off, .tune = false});
    plan.targets[0].launching = {.branched = true};
    plan.targets[0].launching_us = {{{}, 3}, {{.overlapped = true}, 2}, {{.branched = true}, 1}};
    runtime::Context context(std::make_shared<const runtime::Engine>(plan, backends, runtime::EngineOptions{1}));
    const auto inputs = made_up_inputs(plan, shapes_of(plan, &plan::InputProfile::opt), 1);
    plan::Certificate certificate;
    EXPECT_TRUE(prove_kernels(context, inputs, {}, certificate).empty());
    const auto outputs = certain_outputs(context);
    device->launches->fault = fault;
    plan::TargetSection section = plan.targets[0];
    prove_launching(context, outputs, section);
    return section;
}

TEST(ProveLaunching, KeepsTheWayThatGivesTheOutputsOfTheKernels) {
    const auto section = proven(Fault::none);
    EXPECT_EQ(plan::to_string(section.launching), "side by side");
    EXPECT_TRUE(section.launching_wrong.empty());
}

TEST(ProveLaunching, TakesTheNextInTimeForOneThatDoesNot) {
    const auto section = proven(Fault::side_by_side);
    EXPECT_EQ(plan::to_string(section.launching), "overlapped");
    ASSERT_EQ(section.launching_wrong.size(), 1U);
    EXPECT_EQ(plan::to_string(section.launching_wrong[0]), "side by side");
}

TEST(ProveLaunching, EndsTheBuildWhereNoneDoes) {
    try {
        proven(Fault::together);
        FAIL() << "proven";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::numerics);
        EXPECT_NE(std::string(error.what()).find("one by one"), std::string::npos) << error.what();
    }
}

TEST(ProveLaunching, LeavesOutWhatIsAMatterOfChance) {
    const ir::Graph graph = ir::parse(R"(graph "g" {
  input %x : f32[2, 3]
  %r : f32[*] = RandomNormalLike(%x)
  %a : f32[*] = Add(%x, %r)
  %b : f32[*] = Relu(%x)
  output "a" = %a
  output "b" = %b
})");
    const runtime::Backends backends = {backend::make_cpu_backend()};
    const plan::Plan plan = build(graph, backends, {.threads = 1, .gate = GateMode::off, .tune = false});
    runtime::Context context(std::make_shared<const runtime::Engine>(plan, backends));
    const auto x = Tensor::zeros(DType::f32, {2, 3});
    context.bind_input(0, x.dtype(), x.shape(), x.raw());
    context.run();
    const auto outputs = certain_outputs(context);
    EXPECT_FALSE(outputs[0]);
    EXPECT_TRUE(outputs[1]);
}

}  // namespace
}  // namespace fovea::compiler
