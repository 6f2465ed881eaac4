#include <gtest/gtest.h>

#include "compiler/build.hpp"
#include "compiler/wrapped_cpu_backend.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"

/// Kernels that say only when they run that they cannot.
namespace fovea::compiler {
namespace {

constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32[1, 4, 9, 11]
  const %w : f32[6, 4, 3, 3] = random(1)
  %y : f32[1, 6, 9, 11] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
  output "y" = %y
})";

class RefusingBackend final : public WrappedCpuBackend {
  public:
    explicit RefusingBackend(bool all) : all_(all) {}
    [[nodiscard]] std::vector<backend::Tactic> tactics(const backend::RegionContext& context) const override {
        auto tactics = cpu().tactics(context);
        auto refusing = tactics;
        for (backend::Tactic& tactic : refusing) tactic.name = "refusing " + tactic.name;
        if (all_) return refusing;
        tactics.insert(tactics.begin(), refusing.begin(), refusing.end());
        return tactics;
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        if (tactic.name.starts_with("refusing ")) return std::make_unique<Kernel>();
        return cpu().prepare(context, tactic);
    }

  private:
    struct Kernel final : backend::Kernel {
        void run(const backend::KernelArgs&) const override {
            throw Error(ErrorCode::unsupported, "the library refuses these addresses");
        }
    };
    bool all_;
};

plan::Plan built(bool all) {
    runtime::Backends backends;
    backends.push_back(std::make_unique<RefusingBackend>(all));
    return build(ir::parse(kNetwork), backends, {.threads = 1, .gate = GateMode::off});
}

TEST(RefusingKernels, LeaveTheirPlaceToOthers) {
    for (const plan::Step& step : built(false).targets[0].steps)
        EXPECT_FALSE(step.tactic.name.starts_with("refusing ")) << step.tactic.name;
}

TEST(RefusingKernels, EndTheBuildWhereThereAreNoOthers) {
    try {
        built(true);
        FAIL() << "built";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("refuses these addresses"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace fovea::compiler
