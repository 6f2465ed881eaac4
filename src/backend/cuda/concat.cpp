#include <algorithm>

#include "backend/cuda/families.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

std::int64_t axis_of(const ir::Node& node, std::size_t rank) {
    return base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(rank));
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Concat") return refuse(Reason::unsupported_operator);
    for (const ir::ValueId input : node.inputs)
        if (!context.shape(input)) return refuse(Reason::shape_depends_on_data);
    for (const ir::ValueId input : node.inputs)
        if (context.graph.constant(input)) return refuse(Reason::unsupported_shape, "a constant part");
    Region region = make_region(context, "concat", {root});
    if (region.inputs.size() != node.inputs.size())
        return refuse(Reason::unsupported_shape, "one tensor stands twice in the list");
    return region;
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "copy:plain", Layout::plain)};
    if (has_channels(context, context.region.outputs[0]))
        result.push_back(uniform_tactic(context, "copy:channels_last", Layout::channels_last));
    return result;
}

/// A copy per part; parts that were written in place need none.
class ConcatKernel final : public Kernel {
  public:
    struct Part {
        std::unique_ptr<Kernel> copy;
        std::size_t offset;  ///< bytes
    };
    explicit ConcatKernel(std::vector<Part> parts) : parts_(std::move(parts)) {}
    void run(const KernelArgs& args) const override {
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            std::byte* target = args.outputs[0] + parts_[i].offset;
            if (args.inputs[i] == target) continue;
            KernelArgs part = args;
            part.inputs = args.inputs + i;
            part.outputs = &target;
            parts_[i].copy->run(part);
        }
    }
    [[nodiscard]] std::string implementation() const override { return "strided copies"; }

  private:
    std::vector<Part> parts_;
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const TensorDesc output = context.output_desc(0, tactic);
    const std::int64_t axis = axis_of(context.node(0), output.shape.size()),
                       rank = static_cast<std::int64_t>(output.shape.size());
    const auto position = [&](std::int64_t a) {
        return output.layout == Layout::plain || a == 0 ? a : a == 1 ? rank - 1 : a - 1;
    };
    // Everything below the axis in memory is one row of the copy.
    std::int64_t inner = 1, above = 1;
    for (std::int64_t a = 0; a < rank; ++a) {
        if (position(a) > position(axis)) inner *= output.shape[static_cast<std::size_t>(a)];
        if (position(a) < position(axis)) above *= output.shape[static_cast<std::size_t>(a)];
    }
    const bool rows = position(axis) == rank - 1;
    const std::int64_t whole = rows ? output.pitch : output.shape[static_cast<std::size_t>(axis)] * inner;
    std::vector<ConcatKernel::Part> parts;
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < context.region.inputs.size(); ++i) {
        const TensorDesc source = context.input_desc(i, tactic);
        const std::int64_t length = source.shape[static_cast<std::size_t>(axis)] * inner;
        const TensorDesc from{source.dtype, {above, length}, Layout::plain, rows ? source.pitch : length};
        const TensorDesc to{source.dtype, {above, length}, Layout::plain, whole};
        parts.push_back({make_copy(target, from, to), static_cast<std::size_t>(offset) * element_bytes(source.dtype)});
        offset += length;
    }
    return std::make_unique<ConcatKernel>(std::move(parts));
}

}  // namespace

CudaFamily concat_kernels() { return {"concat", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
