#include "backend/cpu/families.hpp"
#include "backend/cpu/simd/rows.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "LayerNormalization") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!own_float(type)) return refuse(Reason::unsupported_dtype, "layer normalisation takes f32, bf16 or f16");
    const auto rank = static_cast<std::int64_t>(x->size());
    if (rank < 2 || rank > 5 || base::normalize_axis(node.get<std::int64_t>("axis", -1), rank) != rank - 1)
        return refuse(Reason::unsupported_shape, "normalisation over more than the last axis");
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
        if (node.outputs[i] != ir::kNone) return refuse(Reason::unsupported_attribute, "mean or deviation as outputs");
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (node.inputs[i] != ir::kNone && !context.graph.constant(node.inputs[i]))
            return refuse(Reason::unsupported_shape, "scale computed at run time");
    return make_region(context, "layer_norm", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "simd", Layout::plain)};
    result[0].reads_slices = result[0].writes_slices = true;
    return result;
}

class LayerNormKernel final : public Kernel {
  public:
    LayerNormKernel(simd::LayerNorm norm, std::size_t input, std::vector<float> scale, std::vector<float> shift,
                    int threads)
        : norm_(norm), input_(input), scale_(std::move(scale)), shift_(std::move(shift)), threads_(threads) {
        norm_.scale = scale_.data();
        norm_.shift = shift_.empty() ? nullptr : shift_.data();
    }
    void run(const KernelArgs& args) const override {
        simd::LayerNorm norm = norm_;
        norm.input = args.inputs[input_];
        norm.output = args.outputs[0];
        simd::layer_norm(norm, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return simd::layer_norm_workspace(norm_, threads_); }
    [[nodiscard]] std::string implementation() const override { return "own layer normalisation"; }

  private:
    simd::LayerNorm norm_;
    std::size_t input_;
    std::vector<float> scale_, shift_;
    int threads_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    simd::LayerNorm norm;
    norm.rows = {source.rows(), source.row()};
    norm.type = source.dtype;
    norm.input_pitch = source.pitch;
    norm.output_pitch = target.pitch;
    norm.epsilon = node.get("epsilon", 1e-5f);
    const bool shift = node.inputs.size() > 2 && node.inputs[2] != ir::kNone;
    return std::make_unique<LayerNormKernel>(
        norm, input, context.constant(node.inputs[1])->to_float(),
        shift ? context.constant(node.inputs[2])->to_float() : std::vector<float>(), context.threads);
}

}  // namespace

Family layer_norm_family() { return {"layer_norm", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
