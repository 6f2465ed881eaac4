#include "backend/cuda/vendor.hpp"

#include <algorithm>

#include "fovea/error.hpp"

namespace fovea::backend::cuda {

std::optional<VendorEpilogue> vendor_epilogue(const RegionContext& context, const Epilogue& epilogue,
                                              std::vector<float> bias) {
    VendorEpilogue result;
    result.bias = std::move(bias);
    const Shape shape = context.shape(context.region.outputs[0]);
    const DType type = context.dtype(context.region.outputs[0]);
    for (const EpilogueStep& step : epilogue.steps) {
        if (result.activation.activation != Activation::none) return std::nullopt;
        if (step.kind == EpilogueStep::Kind::activation) {
            result.activation = step;
        } else if (step.kind == EpilogueStep::Kind::add && result.addend == ir::kNone) {
            const Tensor* constant = context.constant(step.operand);
            if (constant && constant->size() > 1 && result.bias.empty())
                result.bias = constant->to_float();
            else if (!constant && context.shape(step.operand) == shape && context.dtype(step.operand) == type)
                result.addend = step.operand;
            else
                return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    return result;
}

std::optional<VendorName> vendor_name(const std::string& tactic) {
    const std::size_t library = tactic.find(':'), shape = tactic.find('@');
    if (library == std::string::npos || shape == std::string::npos) return std::nullopt;
    const std::size_t version = tactic.find(':', library + 1), own = tactic.find('/', shape);
    if (version == std::string::npos || version > shape || own == std::string::npos) return std::nullopt;
    return VendorName{tactic.substr(0, library), tactic.substr(library + 1, version - library - 1),
                      tactic.substr(version + 1, shape - version - 1), tactic.substr(shape + 1, own - shape - 1),
                      tactic.substr(own + 1)};
}

void require_version(const VendorName& name, const std::string& what, const std::string& version) {
    if (name.version == version) return;
    throw Error(ErrorCode::unsupported, "a kernel of " + what + " " + name.version + " was chosen, and " +
                                            (version.empty() ? "the library is not here" : "here is " + version) +
                                            "; build the plan again on this machine");
}

const Tactic* stand_in(const Tactic& uniform, const std::vector<Tactic>& own) {
    for (const Tactic& tactic : own)
        if (tactic.inputs == uniform.inputs && tactic.outputs == uniform.outputs && !tactic.name.starts_with("wg:"))
            return &tactic;
    return nullptr;
}

Tactic own_tactic(const Tactic& tactic, const VendorName& name) {
    Tactic own = tactic;
    own.name = name.own;
    return own;
}

bool dense(const RegionContext& context) {
    const auto zero = [](std::int64_t pitch) { return pitch == 0; };
    return std::all_of(context.input_pitches.begin(), context.input_pitches.end(), zero) &&
           std::all_of(context.output_pitches.begin(), context.output_pitches.end(), zero);
}

}  // namespace fovea::backend::cuda
