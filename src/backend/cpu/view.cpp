#include <algorithm>
#include <array>
#include <cstring>

#include "backend/cpu/families.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// Operators whose output holds the input's elements in the same row-major order.
constexpr std::array<std::string_view, 6> kReshapes = {"Reshape",   "Flatten",  "Squeeze",
                                                       "Unsqueeze", "Identity", "Dropout"};

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (std::find(kReshapes.begin(), kReshapes.end(), node.op) == kReshapes.end())
        return refuse(Reason::unsupported_operator);
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
        if (node.outputs[i] != ir::kNone) return refuse(Reason::unsupported_shape, "more than one output");
    return make_region(context, "view", {root});
}

/// Whether `from` (N, C, spatial…) and `to` (N, C, spatial…) are the same in channels_last order.
bool same_in_channels_last(const Shape& from, const Shape& to) {
    return from.size() >= 3 && to.size() >= 3 && from[0] == to[0] && from[1] == to[1];
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "alias", Layout::plain)};
    result[0].alias = true;
    const ir::ValueId input = context.node(0).inputs[0], output = context.region.outputs[0];
    if (has_channels(context, input) && has_channels(context, output) &&
        same_in_channels_last(context.shape(input), context.shape(output))) {
        result.push_back(uniform_tactic(context, "alias:channels_last", Layout::channels_last));
        result.back().alias = true;
    }
    return result;
}

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

Family view_family() { return {"view", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
