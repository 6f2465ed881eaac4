#include "backend/slice.hpp"

#include <algorithm>
#include <cstring>

#include "backend/cpu/families.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op == "Slice" && node.inputs.size() > 4)
        if (const Tensor* steps = context.graph.constant(node.inputs[4]))
            for (const std::int64_t step : steps->to_int64())
                if (step != 1) return refuse(Reason::unsupported_attribute, "steps other than 1");
    return match_slice(context, root);
}

/// Axes in the order of memory.
Shape in_memory_order(Shape shape, Layout layout) {
    if (layout == Layout::channels_last) std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
    return shape;
}

/// Copies a box of a dense tensor into a dense tensor of the box's size.
class BoxCopy {
  public:
    BoxCopy(const Shape& full, const Shape& start, const Shape& size, std::size_t width) {
        // Whole axes below a partial one join it: what remains innermost is one contiguous run.
        std::size_t axis = full.size();
        std::int64_t run = 1, pitch = 1;
        while (axis > 0 && size[axis - 1] == full[axis - 1]) run *= full[--axis];
        pitch = run;
        if (axis > 0) {
            --axis;
            offset_ = static_cast<std::size_t>(start[axis] * run) * width;
            pitch = run * full[axis];
            run *= size[axis];
        }
        run_ = static_cast<std::size_t>(run) * width;
        for (std::size_t i = axis; i-- > 0;) {
            offset_ += static_cast<std::size_t>(start[i] * pitch) * width;
            sizes_.insert(sizes_.begin(), size[i]);
            steps_.insert(steps_.begin(), static_cast<std::size_t>(pitch) * width);
            pitch *= full[i];
        }
        for (const std::int64_t n : sizes_) runs_ *= n;
    }

    void operator()(const std::byte* source, std::byte* target) const {
        base::parallel_for(runs_, static_cast<std::int64_t>(65536 / (run_ + 1)) + 1,
                           [&](std::int64_t begin, std::int64_t end) {
                               for (std::int64_t i = begin; i < end; ++i) {
                                   std::size_t offset = offset_;
                                   std::int64_t rest = i;
                                   for (std::size_t axis = sizes_.size(); axis-- > 0;) {
                                       offset += static_cast<std::size_t>(rest % sizes_[axis]) * steps_[axis];
                                       rest /= sizes_[axis];
                                   }
                                   std::memcpy(target + static_cast<std::size_t>(i) * run_, source + offset, run_);
                               }
                           });
    }

    /// Bytes before the box's first element.
    [[nodiscard]] std::size_t offset() const { return offset_; }

  private:
    std::size_t offset_ = 0, run_ = 0;
    std::int64_t runs_ = 1;
    Shape sizes_;
    std::vector<std::size_t> steps_;
};

class SliceKernel final : public Kernel {
  public:
    SliceKernel(std::size_t input, std::vector<BoxCopy> copies) : input_(input), copies_(std::move(copies)) {}
    void run(const KernelArgs& args) const override {
        for (std::size_t i = 0; i < copies_.size(); ++i)
            if (args.outputs[i] != args.inputs[input_] + copies_[i].offset())
                copies_[i](args.inputs[input_], args.outputs[i]);  // else read in place
    }
    [[nodiscard]] std::string implementation() const override { return "strided copy"; }

  private:
    std::size_t input_;
    std::vector<BoxCopy> copies_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const std::size_t input = context.input_index(context.node(0).inputs[0]);
    const Layout layout = tactic.inputs[input];
    const TensorDesc source = context.input_desc(input, tactic);
    std::vector<BoxCopy> copies;
    for (const ir::ValueId output : context.region.outputs)
        copies.emplace_back(in_memory_order(source.shape, layout),
                            in_memory_order(slice_places(context, output).start, layout),
                            in_memory_order(context.shape(output), layout), element_bytes(source.dtype));
    return std::make_unique<SliceKernel>(input, std::move(copies));
}

}  // namespace

Family slice_family() { return {"slice", match, slice_tactics, prepare}; }

}  // namespace fovea::backend::cpu
