#include <algorithm>

#include "backend/cuda/element_code.hpp"
#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"
#include "backend/cuda/source.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/sample_arguments.hpp"

namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "GridSample" && node.op != "RoiAlign") return refuse(Reason::unsupported_operator);
    for (const ir::ValueId input : node.inputs)
        if (!context.shape(input)) return refuse(Reason::shape_depends_on_data);
    if (!context.shape(node.outputs[0])) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype) || !own_float(context.info(node.inputs[1]).dtype))
        return refuse(Reason::unsupported_dtype, "samples f32, f16 or bf16");
    if (context.shape(node.inputs[0])->size() != 4)
        return refuse(Reason::unsupported_shape, "other than two spatial axes");
    if (base::element_count(*context.shape(node.inputs[0])) > kMostMoved ||
        base::element_count(*context.shape(node.outputs[0])) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements");
    return make_region(context, "sample", {root});
}

/// Only images may be channels_last.
std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result;
    for (const Layout layout : {Layout::channels_last, Layout::plain}) {
        Tactic tactic = uniform_tactic(context, std::string(to_string(layout)), layout);
        for (std::size_t i = 0; i < tactic.inputs.size(); ++i)
            if (context.region.inputs[i] != context.node(0).inputs[0]) tactic.inputs[i] = Layout::plain;
        result.push_back(std::move(tactic));
    }
    return result;
}

/// A kernel of either kind; `bind` sets the pointers of its parameters.
template <class Args>
class SampleKernel final : public Kernel {
  public:
    using Bind = void (*)(Args&, const std::vector<const std::byte*>& inputs);
    SampleKernel(std::unique_ptr<Function> function, const Args& args, std::vector<std::size_t> inputs,
                 std::vector<PackedConstants::Block> constants, Bind bind)
        : function_(std::move(function)),
          args_(args),
          inputs_(std::move(inputs)),
          constants_(std::move(constants)),
          bind_(bind) {}
    void run(const KernelArgs& args) const override {
        std::vector<const std::byte*> inputs;
        for (const std::size_t i : inputs_) inputs.push_back(input_memory(constants_, args, i));
        Args launch = args_;
        bind_(launch, inputs);
        launch.output = args.outputs[0];
        function_->launch(*args.stream, {(static_cast<unsigned>(args_.count) + 255) / 256}, 256, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "place by place"; }

  private:
    std::unique_ptr<Function> function_;
    Args args_;
    std::vector<std::size_t> inputs_;
    std::vector<PackedConstants::Block> constants_;
    Bind bind_;
};

/// What both kernels say of their image.
template <class Args>
void describe(Args& args, KernelSource& code, const TensorDesc& from, const TensorDesc& to) {
    const bool first = from.layout == Layout::plain;
    const int width = first ? 1 : common_width(8, {from.shape[1], from.pitch, to.pitch});
    const Shape strides = from.strides();
    args.count = static_cast<int>(base::element_count(to.shape) / width);
    args.channels = make_divisor(from.shape[1] / width);
    args.height = static_cast<int>(from.shape[2]);
    args.width = static_cast<int>(from.shape[3]);
    args.image = static_cast<int>(strides[0]);
    args.channel = static_cast<int>(strides[1]);
    args.row = static_cast<int>(strides[2]);
    args.column = static_cast<int>(strides[3]);
    code.type("In", from.dtype).constant("kWidth", width).constant("kChannelsFirst", first);
    code.text(kernel_text("sample_arguments.hpp"));
}

std::unique_ptr<Kernel> grid_sample(const Target& target, const RegionContext& context, const TensorDesc& from,
                                    const TensorDesc& to) {
    const ir::Node& node = context.node(0);
    const std::string mode = node.get<std::string>("mode", "linear"),
                      padding = node.get<std::string>("padding_mode", "zeros");
    GridSampleArgs args{};
    KernelSource code;
    describe(args, code, from, to);
    const Shape strides = to.strides();
    args.pixels = make_divisor(to.shape[2] * to.shape[3]);
    args.output_image = static_cast<int>(strides[0]);
    args.output_channel = static_cast<int>(strides[1]);
    args.output_pixel = static_cast<int>(strides[3]);
    code.type("Grid", context.dtype(node.inputs[1]));
    code.constant("kTaps", mode == "nearest" ? 1 : mode == "linear" ? 2 : 4);
    code.constant("kPadding", padding == "zeros" ? 0 : padding == "border" ? 1 : 2);
    code.constant("kAlignCorners", node.get<std::int64_t>("align_corners", 0) != 0);
    return std::make_unique<SampleKernel<GridSampleArgs>>(
        std::make_unique<Function>(target.device, code.finish("grid_sample.cuh"), "grid_sample"), args,
        std::vector{context.input_index(node.inputs[0]), context.input_index(node.inputs[1])},
        constant_inputs(target, context), [](GridSampleArgs& launch, const std::vector<const std::byte*>& inputs) {
            launch.input = inputs[0];
            launch.grid = inputs[1];
        });
}

std::unique_ptr<Kernel> roi_align(const Target& target, const RegionContext& context, const TensorDesc& from,
                                  const TensorDesc& to) {
    const ir::Node& node = context.node(0);
    RoiAlignArgs args{};
    KernelSource code;
    describe(args, code, from, to);
    const Shape strides = to.strides();
    args.batch = static_cast<int>(from.shape[0]);
    args.rows = make_divisor(to.shape[2]);
    args.columns = make_divisor(to.shape[3]);
    args.scale = node.get("spatial_scale", 1.0f);
    args.samples = static_cast<int>(node.get<std::int64_t>("sampling_ratio", 0));
    args.output_region = static_cast<int>(strides[0]);
    args.output_channel = static_cast<int>(strides[1]);
    args.output_row = static_cast<int>(strides[2]);
    args.output_column = static_cast<int>(strides[3]);
    code.type("Region", context.dtype(node.inputs[1]));
    code.text("using Index = " + std::string(memory_type(context.dtype(node.inputs[2]))) + ";\n");
    code.constant("kMaximum", node.get<std::string>("mode", "avg") == "max");
    code.constant("kHalfPixel", node.get<std::string>("coordinate_transformation_mode", "half_pixel") == "half_pixel");
    return std::make_unique<SampleKernel<RoiAlignArgs>>(
        std::make_unique<Function>(target.device, code.finish("roi_align.cuh"), "roi_align"), args,
        std::vector{context.input_index(node.inputs[0]), context.input_index(node.inputs[1]),
                    context.input_index(node.inputs[2])},
        constant_inputs(target, context), [](RoiAlignArgs& launch, const std::vector<const std::byte*>& inputs) {
            launch.input = inputs[0];
            launch.regions = inputs[1];
            launch.images = inputs[2];
        });
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc from = context.input_desc(context.input_index(node.inputs[0]), tactic);
    const TensorDesc to = context.output_desc(0, tactic);
    if (base::element_count(to.shape) == 0) return make_alias();
    return node.op == "GridSample" ? grid_sample(target, context, from, to) : roi_align(target, context, from, to);
}

}  // namespace

CudaFamily sample_kernels() { return {"sample", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
