#include <cstring>

#include "backend/cpu/conv.hpp"
#include "backend/cpu/onednn.hpp"
#include "base/checked.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

/// Weights [K, C/g, taps…] as oneDNN names them, with a group axis in front when there is more than one group.
memory::dims weight_dims(const Shape& w, std::int64_t group) {
    memory::dims dims(w.begin(), w.end());
    if (group > 1) {
        dims.insert(dims.begin(), group);
        dims[1] /= group;
    }
    return dims;
}

memory::desc plain_desc(const memory::dims& dims, memory::data_type type) {
    const Shape strides = base::row_major_strides(dims);
    return memory::desc(dims, type, memory::dims(strides.begin(), strides.end()));
}

/// Writes the padded, upsampled, concatenated input of a convolution as one dense channels_last tensor.
class PrologueCopy {
  public:
    PrologueCopy(const RegionContext& context, const Tactic& tactic, const ConvRegion& region)
        : batch_(region.input[0]),
          height_(region.input[2]),
          width_(region.input[3]),
          element_(element_bytes(context.dtype(region.conv->inputs[0]))) {
        for (const auto& source : region.prologue.sources) {
            const std::size_t input = context.input_index(source.value);
            const TensorDesc desc = context.input_desc(input, tactic);
            Part part{input,
                      static_cast<std::size_t>(desc.shape[1]) * element_,
                      static_cast<std::size_t>(desc.pitch) * element_,
                      desc.shape[2],
                      desc.shape[3],
                      {},
                      {}};
            part.rows = source_index(region.prologue, source, desc, 0, static_cast<int>(height_));
            part.columns = source_index(region.prologue, source, desc, 1, static_cast<int>(width_));
            pixel_ += part.bytes;
            parts_.push_back(std::move(part));
        }
    }

    [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(batch_ * height_ * width_) * pixel_; }

    void run(const std::byte* const* inputs, std::byte* target) const {
        base::parallel_for(batch_ * height_, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row)
                copy_row(inputs, row, target + static_cast<std::size_t>(row * width_) * pixel_);
        });
    }

  private:
    struct Part {
        std::size_t input, bytes, pitch;
        std::int64_t height, width;
        std::vector<std::int32_t> rows, columns;
    };

    void copy_row(const std::byte* const* inputs, std::int64_t row, std::byte* target) const {
        const std::int64_t image = row / height_, y = row % height_;
        std::size_t offset = 0;
        for (const Part& part : parts_) {
            const std::byte* line =
                inputs[part.input] +
                static_cast<std::size_t>((image * part.height + part.rows[static_cast<std::size_t>(y)]) * part.width) *
                    part.pitch;
            for (std::int64_t x = 0; x < width_; ++x)
                std::memcpy(target + static_cast<std::size_t>(x) * pixel_ + offset,
                            line + static_cast<std::size_t>(part.columns[static_cast<std::size_t>(x)]) * part.pitch,
                            part.bytes);
            offset += part.bytes;
        }
    }

    std::int64_t batch_, height_, width_;
    std::size_t element_, pixel_ = 0;
    std::vector<Part> parts_;
};

/// A prologue written into the workspace, then a oneDNN convolution that reads it as its last input.
class PrologueKernel final : public Kernel {
  public:
    PrologueKernel(PrologueCopy copy, std::unique_ptr<Kernel> conv, std::size_t input_count)
        : copy_(std::move(copy)),
          conv_(std::move(conv)),
          input_count_(input_count),
          offset_(base::round_up(copy_.bytes(), 64)) {}

    void run(const KernelArgs& args) const override {
        copy_.run(args.inputs, args.workspace);
        auto& state = static_cast<State&>(*args.state);
        for (std::size_t i = 0; i < input_count_; ++i) state.inputs[i] = args.inputs[i];
        state.inputs[input_count_] = args.workspace;
        conv_->run({state.inputs.data(), args.outputs, args.workspace + offset_, state.conv.get()});
    }
    [[nodiscard]] std::unique_ptr<KernelState> make_state() const override {
        auto state = std::make_unique<State>();
        state->conv = conv_->make_state();
        state->inputs.resize(input_count_ + 1);
        return state;
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return offset_ + conv_->workspace_bytes(); }
    [[nodiscard]] std::string implementation() const override { return "prologue copy + " + conv_->implementation(); }

  private:
    struct State final : KernelState {
        std::unique_ptr<KernelState> conv;
        std::vector<const std::byte*> inputs;
    };
    PrologueCopy copy_;
    std::unique_ptr<Kernel> conv_;
    std::size_t input_count_, offset_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_onednn_conv(const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    const ir::Node& node = *region.conv;
    const Tensor& weights = *context.constant(node.inputs[1]);
    memory::dims dilations(region.window.dilations);
    for (auto& d : dilations) --d;

    const bool copied = !region.prologue.trivial();
    const std::size_t input = copied ? context.region.inputs.size() : context.input_index(node.inputs[0]);
    const TensorDesc source =
        copied ? TensorDesc::dense(context.dtype(node.inputs[0]), region.input, Layout::channels_last)
               : context.input_desc(input, tactic);
    const TensorDesc target = context.output_desc(0, tactic);
    const memory::desc w_any(weight_dims(weights.shape(), region.group), to_dnnl(source.dtype),
                             memory::format_tag::any);
    const Tensor* bias = node.inputs.size() > 2 ? context.constant(node.inputs[2]) : nullptr;
    const memory::desc b_desc =
        bias ? memory::desc({bias->size()}, memory::data_type::f32, memory::format_tag::a) : memory::desc();
    const PostOps post = post_ops(context, tactic, region.epilogue);
    dnnl::convolution_forward::primitive_desc desc(engine(), dnnl::prop_kind::forward_inference,
                                                   dnnl::algorithm::convolution_direct, to_dnnl(source), w_any, b_desc,
                                                   to_dnnl(target), region.window.strides, dilations,
                                                   region.window.pads_begin, region.window.pads_end, post.attr);
    avoid_wrong_tiles(desc, weights.shape(), region.window.pads_begin, region.window.pads_end);

    std::vector<Binding> bindings = {
        {DNNL_ARG_SRC, Binding::Source::input, input, desc.src_desc(), nullptr},
        {DNNL_ARG_DST, Binding::Source::output, 0, desc.dst_desc(), nullptr},
        {DNNL_ARG_WEIGHTS, Binding::Source::constant, 0, desc.weights_desc(),
         pack(context, context.graph.value(node.inputs[1]).name, weights,
              plain_desc(weight_dims(weights.shape(), region.group), to_dnnl(weights.dtype())), desc.weights_desc())}};
    if (bias)
        bindings.push_back(
            {DNNL_ARG_BIAS, Binding::Source::constant, 0, b_desc,
             pack(context, context.graph.value(node.inputs[2]).name, bias->cast(DType::f32), b_desc, b_desc)});
    bindings.insert(bindings.end(), post.constants.begin(), post.constants.end());
    for (const auto& [argument, value] : post.operands) {
        const std::size_t operand = context.input_index(value);
        TensorDesc operand_desc = context.input_desc(operand, tactic);
        operand_desc.shape.insert(operand_desc.shape.begin(), target.shape.size() - operand_desc.shape.size(), 1);
        bindings.push_back({argument, Binding::Source::input, operand, to_dnnl(operand_desc), nullptr});
    }
    auto kernel = make_onednn_kernel(dnnl::convolution_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(),
                                     std::move(bindings));
    if (!copied) return kernel;
    return std::make_unique<PrologueKernel>(PrologueCopy(context, tactic, region), std::move(kernel),
                                            context.region.inputs.size());
}

}  // namespace fovea::backend::cpu
