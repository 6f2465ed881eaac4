#include "tune/keys.hpp"

#include <map>

#include "ir/text.hpp"

namespace fovea::tune {
namespace {

/// The operators and attributes of the region's nodes as text; values are numbered from 0 on within the region.
std::string nodes_key(const backend::RegionContext& context) {
    std::map<ir::ValueId, int> numbers;
    const auto number = [&](ir::ValueId id) {
        return id == ir::kNone ? std::string("_")
                               : std::to_string(numbers.emplace(id, static_cast<int>(numbers.size())).first->second);
    };
    std::string key;
    for (std::size_t i = 0; i < context.region.nodes.size(); ++i) {
        const ir::Node& node = context.node(i);
        ir::Graph single;
        ir::Node bare;
        bare.op = node.op;
        bare.attributes = node.attributes;
        single.add_node(bare);
        key += ir::print(single);
        for (const ir::ValueId input : node.inputs) key += number(input) + ",";
        key += ">";
        for (const ir::ValueId output : node.outputs) key += number(output) + ",";
    }
    return key;
}

}  // namespace

std::string machine_key(const backend::Backend& backend, int threads) {
    const std::string machine = backend.target() + "|" + backend.versions() + "|";
    return backend.device() ? machine : machine + std::to_string(threads) + "|";
}

std::string region_key(const backend::RegionContext& context) {
    std::string key = context.region.pattern + "|" + nodes_key(context);
    for (const ir::ValueId id : context.region.inputs) {
        key += "|" + std::string(fovea::to_string(context.dtype(id))) + base::to_string(context.shape(id));
        if (context.constant(id)) key += "c";
    }
    for (const ir::ValueId id : context.region.outputs)
        key += ">" + std::string(fovea::to_string(context.dtype(id))) + base::to_string(context.shape(id));
    return key;
}

std::string region_prefix(const backend::Backend& backend, const backend::RegionContext& context) {
    return machine_key(backend, context.threads) + region_key(context) + "|";
}

std::string tactic_key(const backend::Tactic& tactic) {
    std::string key = tactic.name;
    for (const auto& list : {tactic.inputs, tactic.outputs})
        for (const backend::Layout layout : list) key += layout == backend::Layout::plain ? "p" : "c";
    return key;
}

std::string candidate_key(const backend::Backend& backend, const backend::RegionContext& context,
                          const backend::Tactic& tactic) {
    return region_prefix(backend, context) + tactic_key(tactic);
}

}  // namespace fovea::tune
