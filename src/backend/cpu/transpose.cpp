#include <cstring>
#include <numeric>

#include "backend/cpu/families.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Transpose") return refuse(Reason::unsupported_operator);
    if (!context.shape(node.inputs[0])) return refuse(Reason::shape_depends_on_data);
    return make_region(context, "transpose", {root});
}

std::vector<std::int64_t> permutation(const ir::Node& node, std::size_t rank) {
    std::vector<std::int64_t> reversed(rank);
    std::iota(reversed.rbegin(), reversed.rend(), 0);
    return node.get("perm", reversed);
}

/// Axes of a tensor in the order of its memory.
std::vector<std::int64_t> memory_order(std::size_t rank, Layout layout) {
    std::vector<std::int64_t> order(rank);
    std::iota(order.begin(), order.end(), 0);
    if (layout == Layout::channels_last) {
        order.erase(order.begin() + 1);
        order.push_back(1);
    }
    return order;
}

/// Whether walking the output's memory visits the input's memory in order (axes of size 1 do not matter).
bool same_memory(const RegionContext& context, Layout in, Layout out) {
    const Shape shape = context.shape(context.node(0).inputs[0]);
    const auto perm = permutation(context.node(0), shape.size());
    std::vector<std::int64_t> walked, stored;
    for (const std::int64_t axis : memory_order(shape.size(), out))
        if (shape[static_cast<std::size_t>(perm[static_cast<std::size_t>(axis)])] != 1)
            walked.push_back(perm[static_cast<std::size_t>(axis)]);
    for (const std::int64_t axis : memory_order(shape.size(), in))
        if (shape[static_cast<std::size_t>(axis)] != 1) stored.push_back(axis);
    return walked == stored;
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result;
    const ir::ValueId input = context.node(0).inputs[0], output = context.region.outputs[0];
    std::vector<Layout> in = {Layout::plain}, out = {Layout::plain};
    if (has_channels(context, input)) in.push_back(Layout::channels_last);
    if (has_channels(context, output)) out.push_back(Layout::channels_last);
    for (const Layout i : in)
        for (const Layout o : out)
            if (same_memory(context, i, o))
                result.push_back(
                    {"alias:" + std::string(to_string(i)) + "-" + std::string(to_string(o)), {i}, {o}, true});
    result.push_back({"copy", {Layout::plain}, {Layout::plain}});
    return result;
}

/// Copies element by element along the output's memory, with the input's strides.
class TransposeKernel final : public Kernel {
  public:
    TransposeKernel(Shape shape, Shape strides, std::size_t width)
        : shape_(std::move(shape)), strides_(std::move(strides)), width_(width) {}

    void run(const KernelArgs& args) const override {
        switch (width_) {
            case 1: return copy<std::uint8_t>(args);
            case 2: return copy<std::uint16_t>(args);
            case 4: return copy<std::uint32_t>(args);
            default: return copy<std::uint64_t>(args);
        }
    }
    [[nodiscard]] std::string implementation() const override { return "strided copy"; }

  private:
    template <class Word>
    void copy(const KernelArgs& args) const {
        const auto* source = reinterpret_cast<const Word*>(args.inputs[0]);
        auto* target = reinterpret_cast<Word*>(args.outputs[0]);
        const std::int64_t inner = shape_.back(), inner_stride = strides_.back();
        std::int64_t rows = 1;
        for (std::size_t i = 0; i + 1 < shape_.size(); ++i) rows *= shape_[i];
        base::parallel_for(rows, 4096 / (inner + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                std::int64_t rest = row, offset = 0;
                for (std::size_t i = shape_.size() - 1; i-- > 0;) {
                    offset += rest % shape_[i] * strides_[i];
                    rest /= shape_[i];
                }
                for (std::int64_t i = 0; i < inner; ++i) target[row * inner + i] = source[offset + i * inner_stride];
            }
        });
    }

    Shape shape_, strides_;
    std::size_t width_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic&) {
    const ir::Node& node = context.node(0);
    const Shape input = context.shape(node.inputs[0]);
    const Shape strides = base::row_major_strides(input);
    Shape out_shape, out_strides;
    for (const std::int64_t axis : permutation(node, input.size())) {
        out_shape.push_back(input[static_cast<std::size_t>(axis)]);
        out_strides.push_back(strides[static_cast<std::size_t>(axis)]);
    }
    if (out_shape.empty()) {
        out_shape = {1};
        out_strides = {1};
    }
    return std::make_unique<TransposeKernel>(std::move(out_shape), std::move(out_strides),
                                             element_bytes(context.dtype(node.inputs[0])));
}

}  // namespace

Family transpose_family() { return {"transpose", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
