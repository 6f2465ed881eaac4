#include "backend/transpose.hpp"

#include "backend/cpu/families.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = transpose_aliases(context);
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
    for (const std::size_t axis : transpose_order(node, input.size())) {
        out_shape.push_back(input[axis]);
        out_strides.push_back(strides[axis]);
    }
    if (out_shape.empty()) {
        out_shape = {1};
        out_strides = {1};
    }
    return std::make_unique<TransposeKernel>(std::move(out_shape), std::move(out_strides),
                                             element_bytes(context.dtype(node.inputs[0])));
}

}  // namespace

Family transpose_family() { return {"transpose", match_transpose, tactics, prepare}; }

}  // namespace fovea::backend::cpu
