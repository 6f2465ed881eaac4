#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "runtime/pretend_device.hpp"

/// Builds whose fastest kernel is wrong.
namespace fovea::compiler {
namespace {

constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32[2, 16, 50, 46]
  const %w : f32[24, 16, 3, 3] = random(1)
  %c : f32[*] = Conv(%x, %w) {pads = [1, 1, 1, 1]} name "conv1" from ["conv1"]
  %y : f32[*] = Softmax(%c) {axis = 1} name "softmax1" from ["softmax1"]
  output "y" = %y
})";

const std::string kHarmed = "harmed:";

/// Changes a right result; `run` counts the runs of all kernels.
using Harm = void (*)(float* y, std::int64_t count, int run);

void everywhere(float* y, std::int64_t count, int) {
    for (std::int64_t i = 0; i < count; ++i) y[i] *= 1.5f;
}
void at_one_place(float* y, std::int64_t count, int) { y[count * 5 / 11] += 0.5f; }
void now_and_then(float* y, std::int64_t, int run) { y[7] = std::nextafter(y[7], run % 2 ? INFINITY : -INFINITY); }

/// Leaves a wrong result.
class WrongKernel final : public backend::Kernel {
  public:
    WrongKernel(std::unique_ptr<Kernel> right, std::int64_t count, Harm harm)
        : right_(std::move(right)), count_(count), harm_(harm) {}
    void run(const backend::KernelArgs& args) const override {
        static std::atomic<int> runs = 0;
        right_->run(args);
        const auto harm = [harm = harm_, count = count_, y = reinterpret_cast<float*>(args.outputs[0])] {
            harm(y, count, ++runs);
        };
        if (args.stream)
            static_cast<runtime::PretendStream*>(args.stream)->submit(harm);
        else
            harm();
    }
    [[nodiscard]] std::unique_ptr<backend::KernelState> make_state() const override { return right_->make_state(); }
    [[nodiscard]] std::size_t workspace_bytes() const override { return right_->workspace_bytes(); }

  private:
    std::unique_ptr<Kernel> right_;
    std::int64_t count_;
    Harm harm_;
};

/// A backend with further convolutions in front of its own ones, all of them wrong; or with such ones alone.
class HarmedBackend final : public backend::Backend {
  public:
    HarmedBackend(std::shared_ptr<const backend::Backend> right, Harm harm, bool all, bool twins)
        : right_(std::move(right)), harm_(harm), all_(all), twins_(twins) {}
    [[nodiscard]] std::string_view name() const override { return right_->name(); }
    [[nodiscard]] std::string target() const override { return right_->target(); }
    [[nodiscard]] const backend::Device* device() const override { return right_->device(); }
    [[nodiscard]] std::size_t matcher_count() const override { return right_->matcher_count(); }
    std::variant<backend::Region, backend::Refusal> match(std::size_t matcher, const backend::MatchContext& context,
                                                          ir::NodeId root) const override {
        return right_->match(matcher, context, root);
    }
    [[nodiscard]] std::vector<backend::Tactic> tactics(const backend::RegionContext& context) const override {
        auto tactics = right_->tactics(context);
        if (context.node(0).op != "Conv") return tactics;
        auto harmed = tactics;
        for (backend::Tactic& tactic : harmed) tactic.name = kHarmed + tactic.name;
        for (std::size_t i = 0, count = twins_ ? harmed.size() : 0; i < count; ++i) {
            harmed.push_back(harmed[i]);
            harmed.back().reads_slices = !harmed[i].reads_slices;
        }
        if (!all_) harmed.insert(harmed.end(), tactics.begin(), tactics.end());
        return harmed;
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        if (!tactic.name.starts_with(kHarmed)) return right_->prepare(context, tactic);
        auto right = tactic;
        right.name = tactic.name.substr(kHarmed.size());
        return std::make_unique<WrongKernel>(right_->prepare(context, right),
                                             base::element_count(context.shape(context.region.outputs[0])), harm_);
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> conversion(const backend::TensorDesc& from,
                                                              const backend::TensorDesc& to) const override {
        return right_->conversion(from, to);
    }

  private:
    std::shared_ptr<const backend::Backend> right_;
    Harm harm_;
    bool all_, twins_;
};

struct Result {
    plan::Plan plan;
    BuildReport report;

    [[nodiscard]] const plan::Step& conv() const {
        for (const plan::Step& step : plan.targets[0].steps)
            if (step.region.nodes.size() && plan.graph.node(step.region.nodes[0]).op == "Conv") return step;
        throw Error(ErrorCode::internal, "no convolution");
    }
};

struct Setup {
    bool device = false;  ///< one that is none
    bool all = false;     ///< only wrong convolutions
    bool twins = false;   ///< each wrong one twice, under one name
    tune::TimingCache* cache = nullptr;
    GateMode gate = GateMode::boxes;
};

/// Without tuning, a build takes the first tactic: a wrong one.
Result built(Harm harm, const Setup& setup = {}) {
    std::shared_ptr<const backend::Backend> right = backend::make_cpu_backend();
    runtime::Backends backends = {right};
    if (setup.device) right = std::make_shared<runtime::PretendBackend>();
    backends.insert(backends.begin(), std::make_shared<HarmedBackend>(right, harm, setup.all, setup.twins));
    if (!setup.device) backends.pop_back();
    Result result;
    result.plan = build(ir::parse(kNetwork), backends,
                        {.threads = 2, .gate = setup.gate, .tune = false, .timing_cache = setup.cache}, &result.report);
    return result;
}

/// Why the first tactic of the convolution was dropped.
std::string fault(const Result& result) {
    EXPECT_FALSE(result.conv().wrong.empty());
    std::string text;
    for (const auto& [tactic, why] : result.conv().wrong) {
        EXPECT_TRUE(tactic.starts_with(kHarmed)) << tactic;
        text = why;
    }
    std::size_t told = 0;
    for (const auto& candidates : result.report.candidates)
        for (const Candidate& candidate : candidates) told += candidate.fault.empty() ? 0 : 1;
    EXPECT_EQ(told, result.conv().wrong.size());
    return text;
}

class NextCandidate : public testing::TestWithParam<bool> {};

TEST_P(NextCandidate, TakesThePlaceOfOneThatIsWrong) {
    const Result result = built(everywhere, {.device = GetParam()});
    EXPECT_FALSE(result.conv().tactic.name.starts_with(kHarmed));
    EXPECT_NE(fault(result).find(", at most 0.0001 allowed"), std::string::npos) << fault(result);
    for (const plan::Evidence& kernel : result.plan.targets[0].certificate.kernels)
        EXPECT_LE(kernel.max_error, kernel.tolerance) << kernel.subject;
}

TEST_P(NextCandidate, TakesThePlaceOfOneThatIsWrongAtOnePlace) {
    const Result result = built(at_one_place, {.device = GetParam()});
    EXPECT_FALSE(result.conv().tactic.name.starts_with(kHarmed));
    EXPECT_NE(fault(result).find("allowed"), std::string::npos) << fault(result);
}

TEST_P(NextCandidate, TakesThePlaceOfOneThatGivesOtherResultsAgain) {
    const Result result = built(now_and_then, {.device = GetParam()});
    EXPECT_FALSE(result.conv().tactic.name.starts_with(kHarmed));
    EXPECT_NE(fault(result).find("differ from run to run"), std::string::npos) << fault(result);
}

INSTANTIATE_TEST_SUITE_P(Backends, NextCandidate, testing::Bool(),
                         [](const auto& test) { return test.param ? "device" : "cpu"; });

TEST(NextCandidates, IsTakenAtOnceWhereTheCacheRemembers) {
    tune::TimingCache cache;
    const std::string first = fault(built(at_one_place, {.cache = &cache}));
    const std::string file = testing::TempDir() + "next_candidate_times";
    std::filesystem::remove(file);
    cache.save(file);
    tune::TimingCache later;
    later.load(file);
    std::filesystem::remove(file);
    // The gate is off: only the cache can know.
    const Result result = built(at_one_place, {.cache = &later, .gate = GateMode::off});
    EXPECT_FALSE(result.conv().tactic.name.starts_with(kHarmed));
    EXPECT_EQ(fault(result), first);
}

TEST(NextCandidates, IsNotLookedForWithoutTheGate) {
    EXPECT_TRUE(built(everywhere, {.gate = GateMode::off}).conv().tactic.name.starts_with(kHarmed));
}

TEST(NextCandidates, MissingEndsTheBuildWithAllThatWasTried) {
    tune::TimingCache cache;
    for (int build = 0; build < 2; ++build) try {  // what the cache remembers of all candidates is no verdict
            built(everywhere, {.all = true, .cache = &cache});
            FAIL() << "built";
        } catch (const Error& error) {
            const std::string message = error.what();
            EXPECT_EQ(error.code(), ErrorCode::numerics);
            EXPECT_NE(message.find("nodes conv1"), std::string::npos) << message;
            EXPECT_NE(message.find("\"conv harmed:"), std::string::npos) << message;
            EXPECT_NE(message.find("of the largest value, at most 0.0001 allowed"), std::string::npos) << message;
        }
}

TEST(NextCandidates, OfOneNameAreToldOnce) {
    const auto occurrences = [](const std::string& text, const std::string& part) {
        int count = 0;
        for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
        return count;
    };
    for (const bool device : {false, true}) {
        const Result result = built(everywhere, {.device = device, .twins = true});
        std::set<std::string> names;
        for (const auto& [name, fault] : result.conv().wrong) EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_FALSE(names.empty());
        try {
            built(everywhere, {.device = device, .all = true, .twins = true});
            FAIL() << "built";
        } catch (const Error& error) {
            const std::string message = error.what();
            for (const std::string& name : names) EXPECT_EQ(occurrences(message, name + "\""), 1) << message;
        }
    }
}

TEST(NextCandidates, IsNotNeededWhereTheCacheDoubtsAll) {
    tune::TimingCache cache;
    EXPECT_THROW(built(everywhere, {.all = true, .cache = &cache}), Error);
    // As if the harm had come from another network's data.
    const Result result = built([](float*, std::int64_t, int) {}, {.all = true, .cache = &cache});
    EXPECT_TRUE(result.conv().tactic.name.starts_with(kHarmed));
}

}  // namespace
}  // namespace fovea::compiler
