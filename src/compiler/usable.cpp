#include "compiler/usable.hpp"

#include <tuple>

#include "compiler/gate.hpp"
#include "fovea/error.hpp"
#include "tune/keys.hpp"

namespace fovea::compiler {
namespace {

/// How many other kernels may be asked about one.
constexpr std::size_t kRivals = 3;

[[noreturn]] void refuse(const backend::RegionContext& context, const Faults& tried) {
    std::string list;
    for (const auto& [name, fault] : tried)
        list += (list.empty() ? "" : "; ") + ("\"" + context.region.pattern + " " + name + "\": ") + to_string(fault);
    throw Error(ErrorCode::numerics,
                "every kernel for it is wrong, compared with the reference: " + list +
                    "; build with another precision, or report it with the output of `fovea extract`")
        .in("nodes " + node_names(context.graph, context.region));
}

/// What makes it: a library or a family of own kernels.
std::string_view kind(const backend::Tactic& tactic) {
    return std::string_view(tactic.name).substr(0, tactic.name.find_first_of(": "));
}

}  // namespace

Faults take_out_wrong(std::vector<backend::Tactic>& tactics, const backend::Backend& backend,
                      const backend::RegionContext& context, std::size_t region, const std::vector<Dropped>& dropped,
                      const tune::TimingCache& cache) {
    Faults found, remembered;
    std::erase_if(tactics, [&](const backend::Tactic& tactic) {
        const auto drop = std::ranges::find_if(
            dropped, [&](const Dropped& other) { return other.region == region && other.tactic == tactic; });
        if (drop == dropped.end()) return false;
        add_once(found, tactic.name, drop->fault);
        return true;
    });
    if (tactics.empty() && !found.empty()) refuse(context, found);
    std::vector<backend::Tactic> trusted;
    for (const backend::Tactic& tactic : tactics)
        if (const auto fault = known_fault(cache, tune::candidate_key(backend, context, tactic)))
            add_once(remembered, tactic.name, *fault);
        else
            trusted.push_back(tactic);
    if (trusted.empty()) return found;
    tactics = std::move(trusted);
    for (const auto& [name, fault] : remembered) add_once(found, name, fault);
    return found;
}

std::vector<Timed> rivals_of(const backend::Tactic& chosen, std::vector<Timed> candidates) {
    if (chosen.alias) return {};
    std::erase_if(candidates,
                  [&](const Timed& other) { return other.tactic.alias || other.tactic.name == chosen.name; });
    std::ranges::stable_sort(candidates, {}, [&](const Timed& other) {
        const backend::Tactic& tactic = other.tactic;
        return std::tuple(kind(tactic) == kind(chosen),
                          tactic.inputs != chosen.inputs || tactic.outputs != chosen.outputs, other.times.cost());
    });
    if (candidates.size() > kRivals) candidates.resize(kRivals);
    return candidates;
}

}  // namespace fovea::compiler
