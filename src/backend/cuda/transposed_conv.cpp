#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>

#include "backend/cuda/pixels.hpp"
#include "backend/cuda/simple_kernel.hpp"
#include "backend/cuda/source.hpp"
#include "backend/cuda/warpgroup_conv.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cuda {
namespace {

std::int64_t group_of(const ir::Node& node) { return node.get<std::int64_t>("group", 1); }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "ConvTranspose") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "transposed convolution takes f32, f16 or bf16");
    if (x->size() != 4 || base::element_count(*y) > (std::int64_t{1} << 30))
        return refuse(Reason::unsupported_shape, "other than two spatial axes, or over 2^30 elements");
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (node.inputs[i] != ir::kNone && !context.graph.constant(node.inputs[i]))
            return refuse(Reason::unsupported_shape, "weights or bias computed at run time");
    if (node.get<std::string>("auto_pad", "NOTSET") != "NOTSET" || node.attributes.contains("output_shape"))
        return refuse(Reason::unsupported_attribute, "padding that follows from the size of the output");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_step, ChainEnd::narrowed);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "transposed_conv", std::move(nodes));
}

std::vector<float> bias_of(const RegionContext& context, const ir::Node& node) {
    if (node.inputs.size() < 3 || node.inputs[2] == ir::kNone) return {};
    return context.constant(node.inputs[2])->to_float();
}

ops::SlidingWindow window_of(const RegionContext& context, const Shape& input) {
    const Shape& weights = context.constant(context.node(0).inputs[1])->shape();
    return ops::sliding_window(ops::NodeView(context.node(0)), {weights[2], weights[3]}, {input[2], input[3]});
}

/// One axis of a transposed convolution as an ordinary one with stride 1, which computes `phases.count` neighbouring
/// pixels of the result at every place, or one phase of them: tap j reads the pixel `first` + j further, and belongs,
/// for each phase, to one of the transposed convolution's taps or to none.
struct PhasedAxis {
    Phases phases;
    std::int64_t first = 0, taps = 0, size = 0;
    std::int64_t stride, dilation, pad, kernel;

    PhasedAxis(const ops::SlidingWindow& w, std::size_t axis, std::int64_t result, std::int64_t only)
        : stride(w.strides[axis]), dilation(w.dilations[axis]), pad(w.pads_begin[axis]), kernel(w.kernel[axis]) {
        // Where the phases begin decides how many taps they need together.
        for (std::int64_t crop = 0; crop < stride; ++crop) {
            const auto [least, count] = window(crop, 0, stride);
            if (taps != 0 && count >= taps) continue;
            first = least;
            taps = count;
            phases.crop_begin = crop;
        }
        if (only >= 0) std::tie(first, taps) = window(phases.crop_begin, only, only + 1);
        phases.count = stride;
        size = base::ceil_div(result + phases.crop_begin, stride);
        phases.crop_end = size * stride - phases.crop_begin - result;
    }
    /// The first pixel that phases `begin` to `end` - 1 read, and how many; none where they have no taps.
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> window(std::int64_t crop, std::int64_t begin,
                                                               std::int64_t end) const {
        std::optional<std::int64_t> least, most;
        for (std::int64_t phase = begin; phase < end; ++phase)
            for (std::int64_t tap = 0; tap < kernel; ++tap) {
                const std::int64_t distance = phase - crop + pad - tap * dilation;
                if (distance % stride != 0) continue;
                least = std::min(least.value_or(distance / stride), distance / stride);
                most = std::max(most.value_or(distance / stride), distance / stride);
            }
        return {least.value_or(0), most ? *most - *least + 1 : 0};
    }
    /// The transposed convolution's tap; negative where there is none.
    [[nodiscard]] std::int64_t tap(std::int64_t phase, std::int64_t j) const {
        const std::int64_t distance = phase - phases.crop_begin + pad - (first + j) * stride;
        return distance >= 0 && distance % dilation == 0 && distance / dilation < kernel ? distance / dilation : -1;
    }
};

/// Both axes, for all phases or one, and their weights as [phase y][phase x][output][channel][tap y][tap x].
struct PhasedConv {
    std::int64_t columns, only;  ///< phases along x
    PhasedAxis y, x;

    PhasedConv(const ops::SlidingWindow& window, const Shape& result, std::int64_t phase = -1)
        : columns(window.strides[1]),
          only(phase),
          y(window, 0, result[2], phase < 0 ? -1 : phase / columns),
          x(window, 1, result[3], phase < 0 ? -1 : phase % columns) {}

    [[nodiscard]] std::int64_t phases() const { return y.phases.count * columns; }
    /// Weights for each of the transposed convolution's: more than one where phases have different numbers of taps.
    [[nodiscard]] double share() const {
        return static_cast<double>(phases() * y.taps * x.taps) / static_cast<double>(y.kernel * x.kernel);
    }

    [[nodiscard]] Tensor weights(const Tensor& from) const {
        const std::int64_t channels = from.shape()[0], outputs = from.shape()[1], taps = y.taps * x.taps;
        const std::int64_t begin = std::max<std::int64_t>(only, 0), end = only < 0 ? phases() : only + 1;
        Tensor result = Tensor::zeros(from.dtype(), {(end - begin) * outputs, channels, y.taps, x.taps});
        const std::size_t bytes = element_bytes(from.dtype());
        for (std::int64_t phase = begin; phase < end; ++phase)
            for (std::int64_t j = 0; j < taps; ++j) {
                const std::int64_t tap_y = y.tap(phase / columns, j / x.taps),
                                   tap_x = x.tap(phase % columns, j % x.taps);
                if (tap_y < 0 || tap_x < 0) continue;
                for (std::int64_t n = 0; n < outputs; ++n)
                    for (std::int64_t c = 0; c < channels; ++c) {
                        const std::int64_t source = ((c * outputs + n) * y.kernel + tap_y) * x.kernel + tap_x;
                        const std::int64_t target = (((phase - begin) * outputs + n) * channels + c) * taps + j;
                        std::memcpy(result.raw() + static_cast<std::size_t>(target) * bytes,
                                    from.raw() + static_cast<std::size_t>(source) * bytes, bytes);
                    }
            }
        return result;
    }
};

/// All but the weights.
MmaProblem problem_of(const RegionContext& context, const Tactic& tactic, const PhasedConv& conv) {
    const std::size_t input = context.input_index(context.node(0).inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), output = context.output_desc(0, tactic);
    MmaProblem p;
    p.type = source.dtype;
    p.result = output.dtype;
    p.sources = {{input, source.shape[1], 1, source.pitch, offset_of(context.input_offsets, input)}};
    p.phases_y = conv.y.phases;
    p.phases_x = conv.x.phases;
    p.phase = conv.only;
    p.outputs = output.shape[1] * (conv.only < 0 ? p.phases() : 1);
    p.output_pitch = output.pitch;
    p.output_offset = offset_of(context.output_offsets, 0);
    p.taps_y = conv.y.taps;
    p.taps_x = conv.x.taps;
    p.pad_y = -conv.y.first;
    p.pad_x = -conv.x.first;
    p.batch = source.shape[0];
    p.height = source.shape[2];
    p.width = source.shape[3];
    p.output_height = conv.y.size;
    p.output_width = conv.x.size;
    p.channel_stride = p.taps_y * p.taps_x;
    p.output_stride = p.channel_stride * source.shape[1];
    return p;
}

/// What the name of a tactic with a product for every phase begins with; the products' names follow.
constexpr std::string_view kApart = "apart:";

/// One name for products of single phases with the most promising tiles; empty where a phase has no taps.
std::string name_apart(const Target& target, const RegionContext& context, const Tactic& tactic, const Shape& input,
                       const Shape& output) {
    std::string name;
    const auto window = window_of(context, input);
    for (std::int64_t phase = 0; phase < window.strides[0] * window.strides[1]; ++phase) {
        const PhasedConv conv(window, output, phase);
        if (conv.y.taps * conv.x.taps == 0) return {};
        name +=
            (phase ? "+" : std::string(kApart)) + product_tactics(target, problem_of(context, tactic, conv)).front();
    }
    return name;
}

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    const Tactic loops = [&] {
        Tactic tactic = uniform_tactic(context, "loops", Layout::channels_last);
        tactic.reads_slices = tactic.writes_slices = true;
        return tactic;
    }();
    const Shape output = context.output_desc(0, loops).shape;
    const Shape input = context.input_desc(context.input_index(context.node(0).inputs[0]), loops).shape;
    if (group_of(context.node(0)) != 1 || base::element_count(output) == 0) return {loops};
    const PhasedConv conv(window_of(context, input), output);
    const MmaProblem problem = problem_of(context, loops, conv);
    if (conv.share() > 4 || problem.piece() == 0) return {loops};
    std::vector<std::string> names = product_tactics(target, problem);
    if (conv.share() > 1)
        if (std::string apart = name_apart(target, context, loops, input, output); !apart.empty())
            names.push_back(std::move(apart));
    std::vector<Tactic> result;
    for (std::string& name : names) {
        result.push_back(loops);
        result.back().name = std::move(name);
    }
    return result;
}

/// The product for all phases, or for one, by the tactic of this name.
std::unique_ptr<Kernel> prepare_product(const Target& target, const RegionContext& context, Tactic tactic,
                                        std::string name, std::int64_t phase) {
    const ir::Node& node = context.node(0);
    tactic.name = std::move(name);
    const Shape input = context.input_desc(context.input_index(node.inputs[0]), tactic).shape;
    const PhasedConv conv(window_of(context, input), context.output_desc(0, tactic).shape, phase);
    const Tensor weights = conv.weights(*context.constant(node.inputs[1]));
    MmaProblem problem = problem_of(context, tactic, conv);
    problem.weights = &weights;
    return make_product_kernel(target, context, tactic, problem, read_epilogue(context, node.outputs[0], 1),
                               bias_of(context, node));
}

/// A product for every phase, one behind the other.
class ApartKernel final : public Kernel {
  public:
    ApartKernel(const Target& target, const RegionContext& context, const Tactic& tactic) {
        std::string_view names = std::string_view(tactic.name).substr(kApart.size());
        const auto strides = context.node(0).get("strides", std::vector<std::int64_t>{1, 1});
        const std::int64_t phases = strides.at(0) * strides.at(1);
        while (!names.empty()) {
            const std::string_view name = names.substr(0, names.find('+'));
            names.remove_prefix(std::min(name.size() + 1, names.size()));
            const auto phase = static_cast<std::int64_t>(products_.size());
            if (phase == phases) break;
            products_.push_back(prepare_product(target, context, tactic, std::string(name), phase));
        }
        if (static_cast<std::int64_t>(products_.size()) != phases)
            throw Error(ErrorCode::unsupported, "the tactic names fewer products than the convolution has phases");
    }
    void run(const KernelArgs& args) const override {
        for (const auto& product : products_) product->run(args);
    }
    [[nodiscard]] bool rounds_to_tf32() const override { return products_.back()->rounds_to_tf32(); }
    [[nodiscard]] std::string implementation() const override {
        return "phase by phase: " + products_.back()->implementation();
    }

  private:
    std::vector<std::unique_ptr<Kernel>> products_;
};

/// Weights [channel][output of the group][tap] as [tap][channel of the group][output].
std::vector<std::byte> packed_weights(const Tensor& weights, std::int64_t group) {
    const auto values = weights.to_float();
    const Shape& s = weights.shape();
    const std::int64_t taps = s[2] * s[3], channels = s[0] / group, outputs = s[1] * group;
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    auto* packed = reinterpret_cast<float*>(bytes.data());
    for (std::int64_t c = 0; c < s[0]; ++c)
        for (std::int64_t n = 0; n < s[1]; ++n)
            for (std::int64_t tap = 0; tap < taps; ++tap)
                packed[(tap * channels + c % channels) * outputs + c / channels * s[1] + n] =
                    values[static_cast<std::size_t>((c * s[1] + n) * taps + tap)];
    return bytes;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), output = context.output_desc(0, tactic);
    if (base::element_count(output.shape) == 0) return make_alias();
    if (tactic.name.starts_with(kApart)) return std::make_unique<ApartKernel>(target, context, tactic);
    if (tactic.name != "loops") return prepare_product(target, context, tactic, tactic.name, -1);
    const Tensor& weights = *context.constant(node.inputs[1]);
    const auto w = window_of(context, source.shape);
    const std::int64_t outputs = output.shape[1], group = group_of(node), out_group = outputs / group;
    EpilogueCode epilogue(target, context, tactic, read_epilogue(context, node.outputs[0], 1), bias_of(context, node));
    const int width = epilogue.width(common_width(8, {out_group, output.pitch, offset_of(context.output_offsets, 0)}));
    KernelSource code;
    code.type("In", source.dtype).type("Out", output.dtype).constant("kWidth", width);
    code.constant("kOutputs", outputs).constant("kInGroup", source.shape[1] / group).constant("kOutGroup", out_group);
    code.constant("kTapRows", w.kernel[0]).constant("kTapColumns", w.kernel[1]);
    code.constant("kStrideY", w.strides[0]).constant("kStrideX", w.strides[1]);
    code.constant("kDilationY", w.dilations[0]).constant("kDilationX", w.dilations[1]);
    code.text(epilogue.text()).text(kernel_text("pixel.cuh"));
    const auto block =
        device_constant(target, context, "transposed weights", [&] { return packed_weights(weights, group); });
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    DirectArgs args{};
    set_pixels(args, source, output);
    args.weights = block.get();
    args.pad_y = size(w.pads_begin[0]);
    args.pad_x = size(w.pads_begin[1]);
    return std::make_unique<SimpleKernel<DirectArgs>>(
        std::make_unique<Function>(target.device, code.finish("transposed_conv.cuh"), "transposed_conv"),
        std::move(epilogue), args, input, args.rows * (outputs / width), "loops", std::vector{block});
}

}  // namespace

CudaFamily transposed_conv_kernels() { return {"transposed_conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
