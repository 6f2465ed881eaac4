#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::algorithm;

/// oneDNN interpolates at half-pixel centres and takes the nearest element with ties going up; whole factors make the
/// other conventions agree with it.
std::variant<algorithm, Refusal> algorithm_of(const ir::Node& node, const Shape& x, const Shape& y) {
    const std::string mode = node.get<std::string>("mode", "nearest");
    const std::string transformation = node.get<std::string>("coordinate_transformation_mode", "half_pixel");
    if (node.get<std::int64_t>("antialias", 0)) return refuse(Reason::unsupported_attribute, "antialias");
    if (mode == "linear") {
        bool more_than_one = true;
        for (std::size_t i = 2; i < y.size(); ++i) more_than_one = more_than_one && y[i] > 1;
        if (transformation == "half_pixel" || (transformation == "pytorch_half_pixel" && more_than_one)) return algorithm::resampling_linear;
        return refuse(Reason::unsupported_attribute, "linear interpolation with " + transformation);
    }
    if (mode != "nearest") return refuse(Reason::unsupported_attribute, "mode " + mode);
    for (std::size_t i = 2; i < x.size(); ++i)
        if (x[i] == 0 || y[i] % x[i] != 0) return refuse(Reason::unsupported_shape, "nearest with a scale that is no whole number");
    const std::string nearest = node.get<std::string>("nearest_mode", "round_prefer_floor");
    const bool repeats = (transformation == "asymmetric" && nearest == "floor") ||
                         ((transformation == "half_pixel" || transformation == "pytorch_half_pixel" || transformation == "half_pixel_symmetric") && nearest.starts_with("round"));
    if (!repeats) return refuse(Reason::unsupported_attribute, "nearest with " + transformation + " and " + nearest);
    return algorithm::resampling_nearest;
}

/// The factor that the node states along each axis must be the ratio of the sizes; else positions differ.
bool plain_scales(const MatchContext& context, const ir::Node& node, const Shape& x, const Shape& y) {
    if (node.attributes.contains("axes") || (node.inputs.size() > 1 && node.get<std::string>("coordinate_transformation_mode", "") == "tf_crop_and_resize")) return false;
    if (node.inputs.size() > 3 && node.inputs[3] != ir::kNone) return node.get<std::string>("keep_aspect_ratio_policy", "stretch") == "stretch";
    if (node.inputs.size() < 3 || node.inputs[2] == ir::kNone) return false;
    const Tensor& scales = context.info(node.inputs[2]).constant;
    if (!scales || scales.size() != static_cast<std::int64_t>(x.size())) return false;
    const auto factors = scales.to_float();
    for (std::size_t i = 0; i < x.size(); ++i)
        if (static_cast<double>(factors[i]) * static_cast<double>(x[i]) != static_cast<double>(y[i])) return false;
    return true;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Resize") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (type != DType::f32 && type != DType::bf16) return refuse(Reason::unsupported_dtype, "resizing takes f32 or bf16");
    if (x->size() < 3 || x->size() > 5 || (*x)[0] != (*y)[0] || (*x)[1] != (*y)[1]) return refuse(Reason::unsupported_shape, "batch or channels change");
    if (!plain_scales(context, node, *x, *y)) return refuse(Reason::unsupported_attribute, "scales that are no ratio of whole sizes");
    auto algorithm = algorithm_of(node, *x, *y);
    if (auto* refusal = std::get_if<Refusal>(&algorithm)) return std::move(*refusal);
    return make_region(context, "resize", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) {
    return {uniform_tactic(context, "onednn:channels_last", Layout::channels_last), uniform_tactic(context, "onednn:plain", Layout::plain)};
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    auto algorithm = algorithm_of(node, source.shape, target.shape);
    if (auto* refusal = std::get_if<Refusal>(&algorithm)) throw Error(ErrorCode::unsupported, refusal->detail);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::resampling_forward::primitive_desc desc(engine(), dnnl::prop_kind::forward_inference, std::get<dnnl::algorithm>(algorithm),
                                                        to_dnnl(source), to_dnnl(target), attr);
    return make_onednn_kernel(dnnl::resampling_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(),
                              {{DNNL_ARG_SRC, Binding::Source::input, input, desc.src_desc(), nullptr},
                               {DNNL_ARG_DST, Binding::Source::output, 0, desc.dst_desc(), nullptr}});
}

}  // namespace

Family resize_family() { return {"resize", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
