#include <cstring>

#include "backend/cpu/families.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Concat") return refuse(Reason::unsupported_operator);
    for (const ir::ValueId input : node.inputs)
        if (!context.shape(input)) return refuse(Reason::shape_depends_on_data);
    Region region = make_region(context, "concat", {root});
    if (region.inputs.size() != node.inputs.size())
        return refuse(Reason::unsupported_shape, "one tensor stands twice in the list");
    return region;
}

std::int64_t axis_of(const RegionContext& context) {
    const ir::Node& node = context.node(0);
    return base::normalize_axis(node.get<std::int64_t>("axis", 0),
                                static_cast<std::int64_t>(context.shape(node.outputs[0]).size()));
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "copy:plain", Layout::plain)};
    if (!has_channels(context, context.region.outputs[0])) return result;
    Tactic last = uniform_tactic(context, "copy:channels_last", Layout::channels_last);
    for (const Layout layout : last.inputs)
        if (layout != Layout::channels_last) return result;  // a constant part
    result.push_back(std::move(last));
    return result;
}

/// Copies `runs` blocks of `bytes` from a source with one step to the target with another.
struct Part {
    std::size_t bytes, source_step, target_offset;
};

class ConcatKernel final : public Kernel {
  public:
    ConcatKernel(std::int64_t runs, std::size_t target_step, std::vector<Part> parts)
        : runs_(runs), target_step_(target_step), parts_(std::move(parts)) {}

    void run(const KernelArgs& args) const override {
        std::size_t total = 0;
        for (const Part& part : parts_) total += part.bytes;
        base::parallel_for(
            runs_, static_cast<std::int64_t>(32768 / (total + 1)) + 1, [&](std::int64_t begin, std::int64_t end) {
                for (std::size_t i = 0; i < parts_.size(); ++i) {
                    const Part& part = parts_[i];
                    if (args.inputs[i] == args.outputs[0] + part.target_offset) continue;  // written in place
                    for (std::int64_t run = begin; run < end; ++run)
                        std::memcpy(args.outputs[0] + static_cast<std::size_t>(run) * target_step_ + part.target_offset,
                                    args.inputs[i] + static_cast<std::size_t>(run) * part.source_step, part.bytes);
                }
            });
    }
    [[nodiscard]] std::string implementation() const override { return "strided copy"; }

  private:
    std::int64_t runs_;
    std::size_t target_step_;
    std::vector<Part> parts_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const std::int64_t axis = axis_of(context);
    const TensorDesc target = context.output_desc(0, tactic);
    const std::size_t width = element_bytes(target.dtype);
    const bool last = target.layout == Layout::channels_last;
    // Elements that lie together below the axis, and the number of times the list repeats above it.
    std::int64_t inner = 1, runs = 1;
    const auto rank = static_cast<std::int64_t>(target.shape.size());
    const auto position = [&](std::int64_t a) { return !last ? a : a == 0 ? 0 : a == 1 ? rank : a; };
    for (std::int64_t a = 0; a < rank; ++a) {
        if (position(a) > position(axis)) inner *= target.shape[static_cast<std::size_t>(a)];
        if (position(a) < position(axis)) runs *= target.shape[static_cast<std::size_t>(a)];
    }
    std::vector<Part> parts;
    std::size_t offset = 0;
    for (std::size_t i = 0; i < context.region.inputs.size(); ++i) {
        const TensorDesc source = context.input_desc(i, tactic);
        const auto length = static_cast<std::size_t>(source.shape[static_cast<std::size_t>(axis)] * inner) * width;
        const bool rows = last && axis == 1;
        parts.push_back({length, rows ? static_cast<std::size_t>(source.pitch) * width : length, offset});
        offset += length;
    }
    const bool rows = last && axis == 1;
    return std::make_unique<ConcatKernel>(runs, rows ? static_cast<std::size_t>(target.pitch) * width : offset,
                                          std::move(parts));
}

}  // namespace

Family concat_family() { return {"concat", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
