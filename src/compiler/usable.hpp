#pragma once

#include <algorithm>

#include "compiler/select.hpp"

namespace fovea::compiler {

/// Tactics, by name, and what is wrong with their results.
using Faults = std::vector<std::pair<std::string, tune::Fault>>;

/// Adds what is said of a kernel: one that is there under two layouts counts once.
template <class Said>
void add_once(std::vector<std::pair<std::string, Said>>& list, const std::string& name, const Said& said) {
    if (std::ranges::find(list, name, &std::pair<std::string, Said>::first) == list.end())
        list.emplace_back(name, said);
}

/// Takes what this build has dropped of region `region` out of `tactics`, and what the cache remembers as wrong while
/// that leaves something: the data of another network may have been the reason. Throws `numerics` where this build has
/// dropped all.
Faults take_out_wrong(std::vector<backend::Tactic>& tactics, const backend::Backend& backend,
                      const backend::RegionContext& context, std::size_t region, const std::vector<Dropped>& dropped,
                      const tune::TimingCache& cache);

/// The few candidates that say most about `chosen` by their results: those of another kind first, then those with the
/// same layouts, then the fastest. None where `chosen` computes nothing.
std::vector<Timed> rivals_of(const backend::Tactic& chosen, std::vector<Timed> candidates);

}  // namespace fovea::compiler
