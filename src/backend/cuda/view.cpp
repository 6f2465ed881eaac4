#include "backend/view.hpp"

#include "backend/cuda/families.hpp"

namespace fovea::backend::cuda {
namespace {

std::vector<Tactic> tactics(const Target&, const RegionContext& context) { return view_tactics(context); }

/// Output and input are the same memory: there is nothing to launch.
class AliasKernel final : public Kernel {
  public:
    void run(const KernelArgs&) const override {}
    [[nodiscard]] std::string implementation() const override { return "same memory"; }
};

std::unique_ptr<Kernel> prepare(const Target&, const RegionContext&, const Tactic&) {
    return std::make_unique<AliasKernel>();
}

}  // namespace

CudaFamily view_kernels() { return {"view", match_view, tactics, prepare}; }

}  // namespace fovea::backend::cuda
