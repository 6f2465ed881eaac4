#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "LayerNormalization") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (type != DType::f32 && type != DType::bf16) return refuse(Reason::unsupported_dtype, "layer normalisation takes f32 or bf16");
    const auto rank = static_cast<std::int64_t>(x->size());
    if (rank < 2 || rank > 5 || base::normalize_axis(node.get<std::int64_t>("axis", -1), rank) != rank - 1)
        return refuse(Reason::unsupported_shape, "normalisation over more than the last axis");
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
        if (node.outputs[i] != ir::kNone) return refuse(Reason::unsupported_attribute, "mean or deviation as outputs");
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (node.inputs[i] != ir::kNone && !context.graph.constant(node.inputs[i])) return refuse(Reason::unsupported_shape, "scale computed at run time");
    return make_region(context, "layer_norm", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) { return {uniform_tactic(context, "onednn", Layout::plain)}; }

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const memory::desc source = to_dnnl(context.input_desc(0, tactic)), target = to_dnnl(context.output_desc(0, tactic));
    const bool shift = node.inputs.size() > 2 && node.inputs[2] != ir::kNone;
    auto flags = dnnl::normalization_flags::use_scale;
    if (shift) flags = flags | dnnl::normalization_flags::use_shift;
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::layer_normalization_forward::primitive_desc desc(engine(), dnnl::prop_kind::forward_inference, source, target,
                                                                 node.get("epsilon", 1e-5f), flags, attr);
    std::vector<Binding> bindings = {{DNNL_ARG_SRC, Binding::Source::input, context.input_index(node.inputs[0]), source, nullptr},
                                     {DNNL_ARG_DST, Binding::Source::output, 0, target, nullptr}};
    const memory::desc vector({context.shape(node.inputs[0]).back()}, memory::data_type::f32, memory::format_tag::a);
    for (std::size_t i = 1; i < (shift ? 3u : 2u); ++i)
        bindings.push_back({i == 1 ? DNNL_ARG_SCALE : DNNL_ARG_SHIFT, Binding::Source::constant, 0, vector,
                            pack(context, context.graph.value(node.inputs[i]).name, context.constant(node.inputs[i])->cast(DType::f32), vector, vector)});
    return make_onednn_kernel(dnnl::layer_normalization_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(), std::move(bindings));
}

}  // namespace

Family layer_norm_family() { return {"layer_norm", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
