#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr int kThreads = 256;

std::int64_t groups_of(const ir::Node& node, const Shape& x) {
    return node.op == "InstanceNormalization" ? x[1] : node.get<std::int64_t>("num_groups", 1);
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "GroupNormalization" && node.op != "InstanceNormalization")
        return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    for (const ir::ValueId id : node.inputs)
        if (!own_float(context.info(id).dtype))
            return refuse(Reason::unsupported_dtype, "normalisation takes f32, f16 or bf16");
    if (context.info(node.inputs[1]).dtype != context.info(node.inputs[2]).dtype ||
        (context.graph.constant(node.inputs[1]) == nullptr) != (context.graph.constant(node.inputs[2]) == nullptr))
        return refuse(Reason::unsupported_dtype, "scale and shift of different kinds");
    if (base::element_count(*x) == 0) return refuse(Reason::unsupported_shape, "an empty tensor");
    if (base::element_count(*x) / ((*x)[0] * groups_of(node, *x)) >= std::int64_t{1} << 28)
        return refuse(Reason::unsupported_shape, "a group of over 2^28 elements");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_anywhere);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "group_norm", std::move(nodes));
}

/// Channels last, groups of few channels would waste most of every load.
std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    const ir::ValueId input = context.node(0).inputs[0];
    const Shape x = context.shape(input);
    std::vector<Tactic> result;
    const std::int64_t bytes =
        x[1] / groups_of(context.node(0), x) * static_cast<std::int64_t>(element_bytes(context.dtype(input)));
    if (has_channels(context, input) && bytes >= 16 && bytes % 16 == 0)
        result.push_back(uniform_tactic(context, "channels_last", Layout::channels_last));
    result.push_back(uniform_tactic(context, "plain", Layout::plain));
    return result;
}

class GroupNormKernel final : public Kernel {
  public:
    struct Parameter {
        PackedConstants::Block constant;  ///< or
        std::size_t input = 0;            ///< of the region
        [[nodiscard]] const void* place(const KernelArgs& args) const {
            return constant ? constant.get() : args.inputs[input];
        }
    };
    GroupNormKernel(std::vector<std::unique_ptr<Function>> stages, EpilogueCode epilogue, const GroupNormArgs& args,
                    Parameter scale, Parameter shift, Function::Grid grid)
        : stages_(std::move(stages)),
          epilogue_(std::move(epilogue)),
          args_(args),
          scale_(std::move(scale)),
          shift_(std::move(shift)),
          grid_(grid) {}

    void run(const KernelArgs& args) const override {
        GroupNormArgs launch = args_;
        launch.input = args.inputs[0];
        launch.scale = scale_.place(args);
        launch.shift = shift_.place(args);
        launch.output = args.outputs[0];
        launch.partial = args.workspace;
        epilogue_.bind(launch.epilogue, args);
        for (const auto& stage : stages_) stage->launch(*args.stream, grid_, kThreads, &launch);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override {
        return stages_.size() > 1 ? std::size_t{grid_.x} * grid_.y * 3 * sizeof(float) : 0;
    }
    [[nodiscard]] std::string implementation() const override { return "own normalisation of groups"; }

  private:
    std::vector<std::unique_ptr<Function>> stages_;
    EpilogueCode epilogue_;
    GroupNormArgs args_;
    Parameter scale_, shift_;
    Function::Grid grid_;
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(context.input_index(node.inputs[0]), tactic);
    const bool last = source.layout == Layout::channels_last;
    const std::int64_t groups = groups_of(node, source.shape), channels = source.shape[1], of_group = channels / groups;
    const std::int64_t image = base::element_count(source.shape) / source.shape[0], pixels = image / channels;
    const std::int64_t length = of_group * pixels;
    const int width = common_width(static_cast<int>(16 / element_bytes(source.dtype)), {last ? of_group : pixels});
    const int loads = std::max(1, 32 / width);
    const std::int64_t chunk = std::int64_t{kThreads} * loads * width, chunks = base::ceil_div(length, chunk);
    EpilogueCode epilogue(target, context, tactic, read_epilogue(context, node.outputs[0], 1), {});
    const auto parameter = [&](ir::ValueId id, const std::string& name) {
        const Tensor* constant = context.constant(id);
        if (!constant) return GroupNormKernel::Parameter{nullptr, context.input_index(id)};
        const auto values = constant->to_float();
        return GroupNormKernel::Parameter{device_constant(target, context, name, std::as_bytes(std::span(values))), 0};
    };
    KernelSource code;
    code.type("In", source.dtype).type("Out", context.output_desc(0, tactic).dtype);
    code.type("Parameter", context.constant(node.inputs[1]) ? DType::f32 : context.dtype(node.inputs[1]));
    code.constant("kLength", length).constant("kWidth", width).constant("kLoads", loads).constant("kChunks", chunks);
    code.constant("kChannelGroup", of_group).constant("kChannelsLast", last);
    code.constant("kThreads", kThreads).constant("kRowThreads", kThreads);
    code.text("constexpr float kEpsilon = " + literal(node.get("epsilon", 1e-5f)) + ";\n");
    code.text(epilogue.text()).text(kernel_text("row_arguments.hpp")).text(kernel_text("row.cuh"));
    std::vector<std::unique_ptr<Function>> stages;
    for (const int stage : chunks == 1 ? std::vector{0} : std::vector{1, 2}) {
        KernelSource one = code;
        one.constant("kStage", stage);
        stages.push_back(std::make_unique<Function>(target.device, one.finish("group_norm.cuh"), "group_norm"));
    }
    GroupNormArgs args{};
    args.groups = make_divisor(groups);
    args.inner = make_divisor(std::max<std::int64_t>(1, of_group / width));
    args.of_channel = make_divisor(pixels);
    args.stride = static_cast<int>(channels);
    args.image = image;
    args.group = static_cast<int>(last ? of_group : length);
    return std::make_unique<GroupNormKernel>(
        std::move(stages), std::move(epilogue), args, parameter(node.inputs[1], "scale"),
        parameter(node.inputs[2], "shift"),
        Function::Grid{static_cast<unsigned>(source.shape[0] * groups), static_cast<unsigned>(chunks)});
}

}  // namespace

CudaFamily group_norm_kernels() { return {"group_norm", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
