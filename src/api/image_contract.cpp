#include "api/image_contract.hpp"

#include "fovea/error.hpp"
#include "runtime/engine.hpp"

namespace fovea {
namespace {

/// Takes height and width from the profile where it allows one value only.
void fix_size(vision::InputContract& input, const plan::InputProfile& profile) {
    if (profile.opt.size() != 4) return;
    const std::size_t height = input.layout == vision::Layout::nchw ? 2 : 1;
    if (input.height == 0 && profile.min[height] == profile.max[height]) input.height = profile.opt[height];
    if (input.width == 0 && profile.min[height + 1] == profile.max[height + 1]) input.width = profile.opt[height + 1];
}

}  // namespace

vision::Contract image_contract(const Engine& engine, std::string_view text) {
    vision::Contract contract = vision::contract_from_json(text);
    const auto& profile = engine.content()->plan().profile;
    const auto found = profile.find(contract.input.tensor);
    if (found == profile.end())
        throw Error(ErrorCode::invalid_argument, "the plan has no input \"" + contract.input.tensor + "\"")
            .in("tensor")
            .in("input");
    fix_size(contract.input, found->second);
    return contract;
}

}  // namespace fovea
