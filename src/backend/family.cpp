#include "backend/family.hpp"

#include "fovea/error.hpp"

namespace fovea::backend {

void refuse_family(const std::string& pattern) {
    throw Error(ErrorCode::corrupt_plan, "the plan uses the kernel family \"" + pattern +
                                             "\", which this version of fovea does not have; build the plan again");
}

bool own_float(DType type) { return type == DType::f32 || type == DType::bf16 || type == DType::f16; }

Refusal refuse(Reason reason, std::string detail) { return {reason, std::move(detail)}; }

bool has_channels(const RegionContext& context, ir::ValueId id) {
    const auto& dims = context.info(id).dims;
    return dims && dims->size() >= 3 && dims->size() <= 5 && !context.constant(id);
}

Tactic uniform_tactic(const RegionContext& context, std::string name, Layout layout) {
    Tactic tactic{std::move(name), {}, {}};
    for (const ir::ValueId id : context.region.inputs)
        tactic.inputs.push_back(has_channels(context, id) ? layout : Layout::plain);
    for (const ir::ValueId id : context.region.outputs)
        tactic.outputs.push_back(has_channels(context, id) ? layout : Layout::plain);
    return tactic;
}

}  // namespace fovea::backend
