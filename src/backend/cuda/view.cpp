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

std::unique_ptr<Kernel> prepare(const Target&, const RegionContext&, const Tactic&) { return make_alias(); }

bool one_row(const Shape& s) { return s.size() == 4 && (s[1] == 1 || s[2] * s[3] == 1); }

}  // namespace

std::unique_ptr<Kernel> make_alias() { return std::make_unique<AliasKernel>(); }

TensorDesc channel_rows(const TensorDesc& desc) {
    if (desc.layout == Layout::channels_last || !one_row(desc.shape)) return desc;
    return TensorDesc::dense(desc.dtype, desc.shape, Layout::channels_last);
}

void add_plain_outputs(const RegionContext& context, std::vector<Tactic>& tactics) {
    if (!one_row(context.shape(context.region.outputs[0]))) return;
    for (std::size_t i = 0, count = tactics.size(); i < count; ++i) {
        if (tactics[i].outputs[0] == Layout::plain) continue;
        tactics.push_back(tactics[i]);
        tactics.back().outputs[0] = Layout::plain;
        tactics.back().writes_slices = false;
    }
}

CudaFamily view_kernels() { return {"view", match_view, tactics, prepare}; }

}  // namespace fovea::backend::cuda
