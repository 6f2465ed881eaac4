#include "backend/cpu/simd/upsampled_conv.hpp"

#include "backend/cpu/families.hpp"
#include "backend/cpu/resize.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cpu {
namespace {

/// From this many output elements an input element on, summing up the channels first saves work.
constexpr std::int64_t kLeastGrowth = 2;

bool accepts(const MatchContext&, const EpilogueStep& step, ir::ValueId) {
    return step.kind == EpilogueStep::Kind::cast ||
           (step.kind == EpilogueStep::Kind::activation && own_activation(step));
}

bool all_one(const ir::Node& node, const std::string& attribute) {
    return node.get(attribute, std::vector<std::int64_t>{1, 1}) == std::vector<std::int64_t>{1, 1};
}

/// A convolution to one channel, all of whose parameters are constants.
bool to_one_channel(const MatchContext& context, const ir::Node& node) {
    const Tensor* weights = context.graph.constant(node.inputs[1]);
    const bool bias = node.inputs.size() > 2 && node.inputs[2] != ir::kNone;
    return weights && weights->shape().size() == 4 && weights->shape()[0] == 1 &&
           (!bias || context.graph.constant(node.inputs[2])) && node.get<std::int64_t>("group", 1) == 1 &&
           all_one(node, "strides") && all_one(node, "dilations");
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Conv" || !context.fuse) return refuse(Reason::unsupported_operator);
    const ir::NodeId resize = context.sole_producer(node.inputs[0]);
    if (resize == ir::kNone || !own_bilinear(context, context.graph.node(resize)))
        return refuse(Reason::unsupported_operator, "no bilinear resize in front");
    if (!to_one_channel(context, node)) return refuse(Reason::unsupported_shape, "more than one output channel");
    const auto in = context.shape(context.graph.node(resize).inputs[0]), out = context.shape(node.inputs[0]);
    if ((*out)[2] * (*out)[3] < kLeastGrowth * (*in)[2] * (*in)[3])
        return refuse(Reason::slower_than_alternative, "the resize does not enlarge");
    std::vector<ir::NodeId> nodes = {resize, root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], 2, accepts);
    // One activation at most, which runs before a change of type.
    for (std::size_t i = 0; i < epilogue.nodes.size(); ++i)
        if (i == 0 || epilogue.steps[i].kind == EpilogueStep::Kind::cast) nodes.push_back(epilogue.nodes[i]);
    return make_region(context, "upsampled_conv", std::move(nodes));
}

/// With one channel the output's layouts are the same memory.
std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result;
    for (const Layout layout : {Layout::plain, Layout::channels_last}) {
        result.push_back(uniform_tactic(context, "simd:" + std::string(to_string(layout)), Layout::channels_last));
        result.back().outputs[0] = layout;
        result.back().reads_slices = true;
    }
    return result;
}

class UpsampledConvKernel final : public Kernel {
  public:
    UpsampledConvKernel(simd::UpsampledConv conv, std::size_t input, std::vector<simd::LinearTap> rows,
                        simd::UpsampledColumns columns, const std::vector<float>& filter, int threads)
        : conv_(conv), input_(input), rows_(std::move(rows)), columns_(std::move(columns)), threads_(threads) {
        weights_.resize(simd::upsampled_packed_size(conv));
        simd::upsampled_pack(conv, filter.data(), weights_.data());
        conv_.rows = rows_.data();
        conv_.columns = &columns_;
        conv_.weights = weights_.data();
    }
    void run(const KernelArgs& args) const override {
        simd::UpsampledConv conv = conv_;
        conv.input = args.inputs[input_];
        conv.output = args.outputs[0];
        simd::upsampled_conv(conv, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return simd::upsampled_workspace(conv_, threads_); }
    [[nodiscard]] std::string implementation() const override { return "channels summed up before the resize"; }

  private:
    simd::UpsampledConv conv_;
    std::size_t input_;
    std::vector<simd::LinearTap> rows_;
    simd::UpsampledColumns columns_;
    std::vector<float> weights_;
    int threads_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node &resize = context.node(0), &node = context.node(1);
    const std::size_t input = context.input_index(resize.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    const Shape resized = context.shape(resize.outputs[0]), filter = context.constant(node.inputs[1])->shape();
    const ops::SlidingWindow window =
        ops::sliding_window(ops::NodeView(node), {filter[2], filter[3]}, {resized[2], resized[3]});
    const SimdEpilogue epilogue =
        *simd_epilogue(context, read_epilogue(context, node.outputs[0], 2), context.region.outputs[0]);
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    simd::UpsampledConv conv;
    conv.batch = size(source.shape[0]);
    conv.channels = size(source.shape[1]);
    conv.in_height = size(source.shape[2]);
    conv.in_width = size(source.shape[3]);
    conv.resized_height = size(resized[2]);
    conv.out_height = size(target.shape[2]);
    conv.out_width = size(target.shape[3]);
    conv.kernel_height = size(filter[2]);
    conv.kernel_width = size(filter[3]);
    conv.pad_top = size(window.pads_begin[0]);
    conv.type = source.dtype;
    conv.input_pitch = pitch_of(source);
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone)
        conv.bias = context.constant(node.inputs[2])->to_float()[0];
    conv.activation = epilogue.steps.activation;
    conv.alpha = epilogue.steps.alpha;
    conv.beta = epilogue.steps.beta;
    conv.output_type = target.dtype;
    const simd::UpsampledColumns columns(linear_taps(context, resize, 1).data(), size(resized[3]),
                                         size(window.pads_begin[1]), conv.out_width + conv.kernel_width - 1);
    return std::make_unique<UpsampledConvKernel>(conv, input, linear_taps(context, resize, 0), columns,
                                                 context.constant(node.inputs[1])->to_float(), context.threads);
}

}  // namespace

Family upsampled_conv_family() { return {"upsampled_conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
