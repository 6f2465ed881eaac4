#include "backend/cpu/simd/group_norm.hpp"

#include "backend/cpu/families.hpp"

namespace fovea::backend::cpu {
namespace {

std::int64_t groups_of(const ir::Node& node, const Shape& x) {
    return node.op == "InstanceNormalization" ? x[1] : node.get<std::int64_t>("num_groups", 1);
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "GroupNormalization" && node.op != "InstanceNormalization")
        return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "normalisation takes f32, bf16 or f16");
    if (base::element_count(*x) == 0) return refuse(Reason::unsupported_shape, "an empty tensor");
    if (!context.graph.constant(node.inputs[1]) || !context.graph.constant(node.inputs[2]))
        return refuse(Reason::unsupported_shape, "scale or shift computed at run time");
    return make_region(context, "group_norm", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result;
    if (has_channels(context, context.node(0).inputs[0])) {
        result.push_back(uniform_tactic(context, "channels_last", Layout::channels_last));
        result[0].reads_slices = result[0].writes_slices = true;
    }
    result.push_back(uniform_tactic(context, "plain", Layout::plain));
    return result;
}

class GroupNormKernel final : public Kernel {
  public:
    GroupNormKernel(const simd::GroupNorm& norm, std::vector<float> scale, std::vector<float> shift, int threads)
        : norm_(norm), scale_(std::move(scale)), shift_(std::move(shift)), threads_(threads) {
        norm_.scale = scale_.data();
        norm_.shift = shift_.data();
    }
    void run(const KernelArgs& args) const override {
        simd::GroupNorm norm = norm_;
        norm.input = args.inputs[0];
        norm.output = args.outputs[0];
        simd::group_norm(norm, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return simd::group_norm_workspace(norm_, threads_); }
    [[nodiscard]] std::string implementation() const override { return "own normalisation of groups"; }

  private:
    simd::GroupNorm norm_;
    std::vector<float> scale_, shift_;
    int threads_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic), target = context.output_desc(0, tactic);
    const Shape& x = source.shape;
    simd::GroupNorm norm;
    norm.images = x[0];
    norm.channels = x[1];
    norm.pixels = base::element_count(x) / (x[0] * x[1]);
    norm.groups = groups_of(node, x);
    norm.type = source.dtype;
    norm.channels_last = tactic.inputs[0] == Layout::channels_last;
    norm.input_pitch = source.pitch;
    norm.output_pitch = target.pitch;
    norm.epsilon = node.get("epsilon", 1e-5f);
    return std::make_unique<GroupNormKernel>(norm, context.constant(node.inputs[1])->to_float(),
                                             context.constant(node.inputs[2])->to_float(), context.threads);
}

}  // namespace

Family group_norm_family() { return {"group_norm", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
