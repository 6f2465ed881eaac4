#include <algorithm>
#include <cstring>

#include "backend/cuda/mma_conv.hpp"
#include "backend/cuda/resize.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cuda {
namespace {

#include "backend/cuda/kernels/resized_conv_arguments.hpp"

constexpr std::int64_t kMostConvTaps = 25;
constexpr std::size_t kMostResizeTaps = 2, kMostCandidates = 3;

bool all_ones(const ir::Node& node, const char* attribute) {
    const auto list = node.get(attribute, std::vector<std::int64_t>{});
    return std::all_of(list.begin(), list.end(), [](std::int64_t n) { return n == 1; });
}

/// Whether `conv` has one output channel that tiles can compute tap by tap.
bool suits(const MatchContext& context, const ir::Node& conv) {
    const Tensor* weights = context.graph.constant(conv.inputs[1]);
    if (!weights || weights->rank() != 4 || conv.get<std::int64_t>("group", 1) != 1) return false;
    const Shape& w = weights->shape();
    if (w[0] != 1 || w[1] % 2 != 0 || w[2] * w[3] > kMostConvTaps || !all_ones(conv, "strides")) return false;
    return conv.inputs.size() < 3 || conv.inputs[2] == ir::kNone || context.graph.constant(conv.inputs[2]);
}

/// Whether `resize` enlarges the image so much that the taps' parts are smaller than the result.
bool enlarges(const MatchContext& context, const ir::Node& resize) {
    const auto x = context.shape(resize.inputs[0]), y = context.shape(resize.outputs[0]);
    if (!x || !y || x->size() != 4 || (*x)[0] != (*y)[0] || (*x)[1] != (*y)[1]) return false;
    if (!own_float(context.info(resize.inputs[0]).dtype) || context.graph.constant(resize.inputs[0])) return false;
    if ((*y)[2] * (*y)[3] < 2 * (*x)[2] * (*x)[3] || base::element_count(*y) == 0) return false;
    const auto taps = resize_taps(resize, context.values, *x, *y);
    return taps && taps->count <= kMostResizeTaps;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& conv = context.graph.node(root);
    if (conv.op != "Conv" || !context.fuse) return refuse(Reason::unsupported_operator);
    const ir::NodeId resize = context.sole_producer(conv.inputs[0]);
    if (resize == ir::kNone || context.graph.node(resize).op != "Resize") return refuse(Reason::unsupported_operator);
    if (!suits(context, conv) || !enlarges(context, context.graph.node(resize)))
        return refuse(Reason::unsupported_operator);
    std::vector<ir::NodeId> nodes = {resize, root};
    const Epilogue epilogue = match_epilogue(context, conv.outputs[0], kMostSteps, accepts_step, ChainEnd::narrowed);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "resized_conv", std::move(nodes));
}

/// The weights as one row of channels a tap, zeros up to `rows` of them.
Tensor tap_weights(const Tensor& weights, std::int64_t rows) {
    const std::int64_t channels = weights.shape()[1], taps = weights.shape()[2] * weights.shape()[3];
    Tensor result = Tensor::zeros(weights.dtype(), {rows, channels});
    const std::size_t bytes = element_bytes(weights.dtype());
    for (std::int64_t tap = 0; tap < taps; ++tap)
        for (std::int64_t channel = 0; channel < channels; ++channel)
            std::memcpy(result.raw() + static_cast<std::size_t>(tap * channels + channel) * bytes,
                        weights.raw() + static_cast<std::size_t>(channel * taps + tap) * bytes, bytes);
    return result;
}

/// The product of the small image with the weights of every tap.
MmaProblem parts_of(const RegionContext& context, const Tactic& tactic) {
    const std::size_t input = context.input_index(context.node(0).inputs[0]);
    const TensorDesc x = context.input_desc(input, tactic);
    const Shape& w = context.constant(context.node(1).inputs[1])->shape();
    MmaProblem p;
    p.type = p.result = x.dtype;
    p.sources = {{input, x.shape[1], 1, x.pitch, offset_of(context.input_offsets, input)}};
    p.outputs = p.output_pitch = base::round_up(w[2] * w[3], 8);
    p.batch = x.shape[0];
    p.height = p.output_height = x.shape[2];
    p.width = p.output_width = x.shape[3];
    p.output_stride = x.shape[1];
    p.channel_stride = 1;
    return p;
}

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    Tactic uniform = uniform_tactic(context, "", Layout::channels_last);
    uniform.reads_slices = uniform.writes_slices = true;
    const MmaProblem parts = parts_of(context, uniform);
    std::vector<Tactic> result;
    if (parts.piece() == 0) return result;
    for (const MmaTile& tile : mma_tiles(target, parts, kMostCandidates)) {
        result.push_back(uniform);
        result.back().name = "taps:" + tile.name();
    }
    add_plain_outputs(context, result);
    return result;
}

class ResizedConvKernel final : public Kernel {
  public:
    ResizedConvKernel(const Target& target, const RegionContext& context, const Tactic& tactic)
        : epilogue_(target, context, tactic, read_epilogue(context, context.node(1).outputs[0], 2), bias_of(context)) {
        const ir::Node &resize = context.node(0), &conv = context.node(1);
        const Tensor& weights = *context.constant(conv.inputs[1]);
        MmaProblem parts = parts_of(context, tactic);
        const Tensor rows = tap_weights(weights, parts.outputs);
        parts.weights = &rows;
        parts_bytes_ = static_cast<std::size_t>(parts.rows() * parts.output_pitch) * element_bytes(parts.type);
        parts_ = make_mma_kernel(target, context, tactic, parts, {}, {},
                                 mma_tile(std::string_view(tactic.name).substr(std::strlen("taps:"))));
        const Shape x = context.shape(resize.inputs[0]), y = context.shape(resize.outputs[0]);
        const auto taps = resize_taps(resize, context.values, x, y);
        if (!taps) throw Error(ErrorCode::unsupported, "positions outside the image, or antialias over many pixels");
        const TensorDesc output = channel_rows(context.output_desc(0, tactic));
        const ops::SlidingWindow window = ops::sliding_window(
            ops::NodeView(conv), {weights.shape()[2], weights.shape()[3]}, Shape(y.begin() + 2, y.end()));
        taps_ = {target.device->upload(std::as_bytes(std::span(taps->rows))),
                 target.device->upload(std::as_bytes(std::span(taps->columns)))};
        set_arguments(x, y, output, window);
        KernelSource code;
        code.type("In", parts.type).type("Out", output.dtype).constant("kTaps", static_cast<std::int64_t>(taps->count));
        code.constant("kTapRows", weights.shape()[2]).constant("kTapColumns", weights.shape()[3]);
        code.constant("kDilationY", window.dilations[0]).constant("kDilationX", window.dilations[1]);
        code.constant("kPitch", parts.output_pitch).text(kernel_text("resized_conv_arguments.hpp"));
        function_ = std::make_unique<Function>(target.device, code.text(epilogue_.text()).finish("resized_conv.cuh"),
                                               "resized_conv");
    }

    void run(const KernelArgs& args) const override {
        std::byte* parts = args.workspace;
        KernelArgs product = args;
        product.outputs = &parts;
        parts_->run(product);
        ResizedConvArgs launch = args_;
        launch.parts = parts;
        launch.output = args.outputs[0];
        epilogue_.bind(launch.epilogue, args);
        function_->launch(*args.stream, {static_cast<unsigned>((args_.rows + 255) / 256)}, 256, &launch);
    }

    [[nodiscard]] std::size_t workspace_bytes() const override { return parts_bytes_; }
    [[nodiscard]] bool rounds_to_tf32() const override { return parts_->rounds_to_tf32(); }
    [[nodiscard]] std::string implementation() const override {
        return "taps of the small image, resized: " + parts_->implementation();
    }

  private:
    static std::vector<float> bias_of(const RegionContext& context) {
        const ir::Node& conv = context.node(1);
        if (conv.inputs.size() < 3 || conv.inputs[2] == ir::kNone) return {};
        return context.constant(conv.inputs[2])->to_float();
    }

    void set_arguments(const Shape& x, const Shape& y, const TensorDesc& output, const ops::SlidingWindow& window) {
        const auto size = [](std::int64_t n) { return static_cast<int>(n); };
        args_.row_taps = taps_[0].get();
        args_.column_taps = taps_[1].get();
        args_.height = size(x[2]);
        args_.width = size(x[3]);
        args_.full_height = size(y[2]);
        args_.full_width = size(y[3]);
        args_.pad_y = size(window.pads_begin[0]);
        args_.pad_x = size(window.pads_begin[1]);
        args_.rows = size(output.shape[0] * output.shape[2] * output.shape[3]);
        args_.pixels = make_divisor(output.shape[2] * output.shape[3]);
        args_.columns = make_divisor(output.shape[3]);
        args_.output_pitch = size(output.pitch);
    }

    std::size_t parts_bytes_ = 0;
    EpilogueCode epilogue_;
    std::unique_ptr<Kernel> parts_;
    std::vector<PackedConstants::Block> taps_;
    std::unique_ptr<Function> function_;
    ResizedConvArgs args_{};
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    return std::make_unique<ResizedConvKernel>(target, context, tactic);
}

}  // namespace

CudaFamily resized_conv_kernels() { return {"resized_conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
