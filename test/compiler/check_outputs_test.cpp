#include "compiler/check_outputs.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "wrapped_cpu_backend.hpp"

/// Faults that no kernel is to blame for: each computes the right result of the inputs that it finds.
namespace fovea::compiler {
namespace {

runtime::Backends cpu() { return {backend::make_cpu_backend()}; }

/// A chain with a shortcut: %a lives until %s. Quantised where `q` is.
std::string network(bool quantised, const std::string& bias, const std::string& perm) {
    const std::string requantise = R"(
  %cq : u8[*] = QuantizeLinear(%c0, %step, %zero)
  %c : f32[*] = DequantizeLinear(%cq, %step, %zero))";
    return R"(graph "g" {
  input %x : f32[1, 16, 24, 24]
  const %w : f32[16, 16, 3, 3] = random(1)
  const %v : f32[16, 16, 3, 3] = random(2)
  const %u : f32[16, 16, 3, 3] = random(3)
  const %b : f32[16] = )" +
           bias + R"(
  const %step : f32[] = [0.05]
  const %zero : u8[] = [128]
  %a : f32[*] = Conv(%x, %w) {pads = [1, 1, 1, 1]} name "first" from ["first"]
  %p : f32[*] = MaxPool(%a) {kernel_shape = [3, 3], pads = [1, 1, 1, 1]} name "pool" from ["pool"]
  %c0 : f32[*] = Conv(%p, %v, %b) {pads = [1, 1, 1, 1]} name "second" from ["second"])" +
           (quantised ? requantise : "\n  %c : f32[*] = Relu(%c0) name \"relu\" from [\"relu\"]") + R"(
  %t : f32[*] = Transpose(%c) {perm = )" +
           perm + R"(} name "turn" from ["turn"]
  %d : f32[*] = Conv(%t, %u) {pads = [1, 1, 1, 1]} name "third" from ["third"]
  %s : f32[*] = Add(%d, %a) name "sum" from ["sum"]
  %y : f32[*] = MaxPool(%s) {kernel_shape = [2, 2]} name "last" from ["last"]
  output "y" = %y
})";
}

const char* const kBias = "random(4)";
const char* const kTurn = "[0, 1, 3, 2]";

struct Form {
    const char* name;
    DType precision;
    bool quantised;
};

class Faults : public testing::TestWithParam<Form> {
  protected:
    [[nodiscard]] plan::Plan plan(const std::string& text, DType precision, bool fuse) const {
        BuildOptions options;
        options.precision = precision;
        options.gate = GateMode::off;
        options.tune = false;
        options.fuse = fuse;
        options.threads = 2;
        return build(ir::parse(text), cpu(), options);
    }
    [[nodiscard]] plan::Plan right() const {
        return plan(network(GetParam().quantised, kBias, kTurn), GetParam().precision, true);
    }

    /// What the gate says of this plan; its kernels are found right.
    [[nodiscard]] std::string verdict(plan::Plan tested, const runtime::Backends& backends = cpu()) const {
        const auto engine =
            std::make_shared<const runtime::Engine>(std::move(tested), backends, runtime::EngineOptions{2});
        const auto inputs = random_inputs(engine->plan().graph, {{1, 16, 24, 24}}, 1);
        plan::Certificate certificate;
        runtime::Context context(engine);
        EXPECT_TRUE(check_kernels(context, inputs, {}, certificate).empty());
        try {
            NetworkReference reference(plan(network(GetParam().quantised, kBias, kTurn), DType::f32, false),
                                       engine->plan().graph, false, cpu(), inputs, 2);
            check_outputs(context, reference, certificate);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::numerics);
            return error.what();
        }
        return "accepted";
    }
};

void expect_named(const std::string& message, const std::string& node) {
    EXPECT_NE(message.find("output y"), std::string::npos) << message;
    EXPECT_NE(message.find(node), std::string::npos) << message;
}

TEST_P(Faults, NoneIsAccepted) { EXPECT_EQ(verdict(right()), "accepted"); }

TEST_P(Faults, ADroppedBiasIsRefused) {
    const auto message = verdict(plan(network(GetParam().quantised, "fill(0)", kTurn), GetParam().precision, true));
    expect_named(message, "second");
}

TEST_P(Faults, AxesInTheWrongOrderAreRefused) {
    const auto message =
        verdict(plan(network(GetParam().quantised, kBias, "[0, 1, 2, 3]"), GetParam().precision, true));
    expect_named(message, "sum");  // the third convolution and the sum are one kernel, or the sum stands for both
}

/// The slot that holds the result of the node.
std::int32_t slot_of(const plan::Plan& plan, const std::string& node) {
    for (const plan::Step& step : plan.targets[0].steps)
        for (const ir::NodeId id : step.region.nodes)
            if (plan.graph.node(id).name == node) return step.outputs[0];
    ADD_FAILURE() << "no kernel computes " << node;
    return 0;
}

TEST_P(Faults, MemorySharedByTwoLiveTensorsIsRefused) {
    plan::Plan plan = right();
    auto& slots = plan.targets[0].slots;
    std::int32_t root = slot_of(plan, "first");
    while (slots[static_cast<std::size_t>(root)].alias_of >= 0) root = slots[static_cast<std::size_t>(root)].alias_of;
    // No kernel reads both, so that each finds the inputs that it had.
    const std::int32_t second = slot_of(plan, "second");
    ASSERT_LT(slots[static_cast<std::size_t>(second)].alias_of, 0);
    slots[static_cast<std::size_t>(second)].alias_of = root;
    expect_named(verdict(plan), "sum");
}

/// The CPU backend, whose second convolution overwrites a row of the first one's result.
class ScribblingBackend final : public WrappedCpuBackend {
  public:
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        const std::string& node = context.node(0).name;
        return std::make_unique<Kernel>(cpu().prepare(context, tactic), node, first_);
    }

  private:
    class Kernel final : public backend::Kernel {
      public:
        Kernel(std::unique_ptr<backend::Kernel> right, std::string node, std::shared_ptr<std::byte*> first)
            : right_(std::move(right)), node_(std::move(node)), first_(std::move(first)) {}
        void run(const backend::KernelArgs& args) const override {
            right_->run(args);
            if (node_ == "first") *first_ = args.outputs[0];
            if (node_ == "second") std::memset(*first_, 0, 24 * 16 * 2);
        }
        [[nodiscard]] std::unique_ptr<backend::KernelState> make_state() const override { return right_->make_state(); }
        [[nodiscard]] std::size_t workspace_bytes() const override { return right_->workspace_bytes(); }

      private:
        std::unique_ptr<backend::Kernel> right_;
        std::string node_;
        std::shared_ptr<std::byte*> first_;
    };

    std::shared_ptr<std::byte*> first_ = std::make_shared<std::byte*>();
};

TEST_P(Faults, ARowThatIsOverwrittenEarlyIsRefused) {
    expect_named(verdict(right(), {std::make_shared<ScribblingBackend>()}), "sum");
}

/// The CPU backend, which puts the first f16 result in [0.5, 1) some numbers too high.
class NudgingBackend final : public WrappedCpuBackend {
  public:
    explicit NudgingBackend(int numbers) : numbers_(numbers) {}
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        const ir::ValueId output = context.region.outputs[0];
        if (context.dtype(output) != DType::f16) return cpu().prepare(context, tactic);
        return std::make_unique<Kernel>(cpu().prepare(context, tactic), numbers_);
    }

  private:
    class Kernel final : public backend::Kernel {
      public:
        Kernel(std::unique_ptr<backend::Kernel> right, int numbers) : right_(std::move(right)), numbers_(numbers) {}
        void run(const backend::KernelArgs& args) const override {
            right_->run(args);
            auto* words = reinterpret_cast<std::uint16_t*>(args.outputs[0]);
            while (*words < 0x3800) ++words;
            *words = static_cast<std::uint16_t>(*words + numbers_);
        }
        [[nodiscard]] std::unique_ptr<backend::KernelState> make_state() const override { return right_->make_state(); }
        [[nodiscard]] std::size_t workspace_bytes() const override { return right_->workspace_bytes(); }

      private:
        std::unique_ptr<backend::Kernel> right_;
        int numbers_;
    };

    int numbers_;
};

TEST(StoredHalves, MayBeNeighboursAndNoMore) {
    BuildOptions options;
    options.gate = GateMode::off;
    options.tune = false;
    const auto planned = [&](const runtime::Backends& backends) {
        return build(ir::parse(R"(graph "g" {
  input %x : f16[1, 16, 24, 24]
  %y : f16[*] = Sigmoid(%x)
  output "y" = %y
})"),
                     backends, options);
    };
    const auto check = [&](int numbers) {
        const runtime::Backends nudging = {std::make_shared<NudgingBackend>(numbers)};
        runtime::Context context(
            std::make_shared<const runtime::Engine>(planned(nudging), nudging, runtime::EngineOptions{2}));
        const auto inputs = random_inputs(context.engine().plan().graph, {{1, 16, 24, 24}}, 1);
        context.bind_input(0, DType::f16, inputs[0].shape(), inputs[0].raw());
        context.run();
        plan::Certificate certificate;
        NetworkReference reference(planned(cpu()), context.engine().plan().graph, false, cpu(), inputs, 2);
        check_outputs(context, reference, certificate);
    };
    EXPECT_NO_THROW(check(1));
    EXPECT_THROW(check(2), Error);
}

TEST(RandomNumbers, AreNotComparedUnlessTheyAreTheSameAtEveryRun) {
    const auto checked = [](const std::string& seed) {
        BuildOptions options;
        options.tune = false;
        const plan::Plan plan = build(ir::parse(R"(graph "g" {
  input %x : f32[2, 64]
  %r : f32[*] = RandomNormalLike(%x))" + seed + R"(
  %y : f32[*] = Mul(%r, %x)
  %z : f32[*] = Exp(%x)
  output "y" = %y
  output "z" = %z
})"),
                                      cpu(), options);
        const auto& outputs = plan.targets.at(0).certificate.outputs;
        EXPECT_EQ(outputs.at(1).checked, "all elements");
        return outputs.at(0).checked;
    };
    EXPECT_EQ(checked(" {mean = 1f}"), "nothing: it is random");
    EXPECT_EQ(checked(" {seed = 3f}"), "all elements");
}

INSTANTIATE_TEST_SUITE_P(Types, Faults,
                         testing::Values(Form{"f32", DType::f32, false}, Form{"bf16", DType::bf16, false},
                                         Form{"quantised", DType::f32, true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fovea::compiler
