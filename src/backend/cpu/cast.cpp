#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"

namespace fovea::backend::cpu {
namespace {

bool narrow_float(DType type) { return type == DType::f32 || type == DType::bf16 || type == DType::f16; }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Cast") return refuse(Reason::unsupported_operator);
    const auto shape = context.shape(node.inputs[0]);
    if (!shape) return refuse(Reason::shape_depends_on_data);
    if (!narrow_float(context.info(node.inputs[0]).dtype) || !narrow_float(context.info(node.outputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "changes between f32, bf16 and f16");
    if (shape->size() > 5 || base::element_count(*shape) == 0)
        return refuse(Reason::unsupported_shape, "an empty tensor or more than 5 axes");
    return make_region(context, "cast", {root});
}

/// A cast may change the layout on the way.
std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "reorder:plain", Layout::plain)};
    if (!has_channels(context, context.node(0).inputs[0])) return result;
    result.push_back(uniform_tactic(context, "reorder:channels_last", Layout::channels_last));
    result.push_back({"reorder:plain-channels_last", {Layout::plain}, {Layout::channels_last}});
    result.push_back({"reorder:channels_last-plain", {Layout::channels_last}, {Layout::plain}});
    return result;
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    return reorder(context.input_desc(0, tactic), context.output_desc(0, tactic));
}

}  // namespace

Family cast_family() { return {"cast", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
