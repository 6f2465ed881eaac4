#include <cstring>

#include "backend/cpu/families.hpp"
#include "backend/view.hpp"

namespace fovea::backend::cpu {
namespace {

class CopyKernel final : public Kernel {
  public:
    explicit CopyKernel(std::size_t bytes) : bytes_(bytes) {}
    void run(const KernelArgs& args) const override {
        if (args.inputs[0] != args.outputs[0]) std::memcpy(args.outputs[0], args.inputs[0], bytes_);
    }
    [[nodiscard]] std::string implementation() const override { return "copy"; }

  private:
    std::size_t bytes_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    return std::make_unique<CopyKernel>(context.output_desc(0, tactic).bytes());
}

}  // namespace

Family view_family() { return {"view", match_view, view_tactics, prepare}; }

}  // namespace fovea::backend::cpu
