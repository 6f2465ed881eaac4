#include "compiler/cover.hpp"

#include <algorithm>
#include <queue>

#include "fovea/error.hpp"

namespace fovea::compiler {
namespace {

/// Regions in an order in which every value is computed before it is read.
std::vector<backend::Region> sorted(const ir::Graph& graph, std::vector<backend::Region> regions) {
    std::vector<std::size_t> region_of(static_cast<std::size_t>(graph.node_count()), 0);
    for (std::size_t r = 0; r < regions.size(); ++r)
        for (const ir::NodeId id : regions[r].nodes) region_of[static_cast<std::size_t>(id)] = r;
    std::vector<std::vector<std::size_t>> readers(regions.size());
    std::vector<int> missing(regions.size(), 0);
    for (std::size_t r = 0; r < regions.size(); ++r)
        for (const ir::ValueId input : regions[r].inputs)
            if (const ir::NodeId producer = graph.value(input).producer; producer != ir::kNone) {
                readers[region_of[static_cast<std::size_t>(producer)]].push_back(r);
                ++missing[r];
            }
    const auto later = [&](std::size_t a, std::size_t b) {
        return regions[a].nodes.front() > regions[b].nodes.front();
    };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> ready(later);
    for (std::size_t r = 0; r < regions.size(); ++r)
        if (missing[r] == 0) ready.push(r);
    std::vector<backend::Region> result;
    while (!ready.empty()) {
        const std::size_t r = ready.top();
        ready.pop();
        result.push_back(regions[r]);
        for (const std::size_t reader : readers[r])
            if (--missing[reader] == 0) ready.push(reader);
    }
    if (result.size() != regions.size())
        throw Error(ErrorCode::internal, "the regions of the covering depend on each other in a circle");
    return result;
}

}  // namespace

Covering cover(const ir::Graph& graph, const ops::ValueTable& values, const backend::Backend& backend, bool fuse) {
    Covering covering;
    std::vector<bool> claimed(static_cast<std::size_t>(graph.node_count()), false);
    const auto consumers = graph.consumers();
    const backend::MatchContext context{graph, values, consumers, claimed, fuse};
    auto order = graph.order();
    std::reverse(order.begin(), order.end());
    for (std::size_t matcher = 0; matcher < backend.matcher_count(); ++matcher)
        for (const ir::NodeId id : order) {
            if (claimed[static_cast<std::size_t>(id)]) continue;
            auto proposal = backend.match(matcher, context, id);
            if (auto* region = std::get_if<backend::Region>(&proposal)) {
                for (const ir::NodeId node : region->nodes) claimed[static_cast<std::size_t>(node)] = true;
                covering.regions.push_back(std::move(*region));
            } else if (auto& refusal = std::get<backend::Refusal>(proposal);
                       refusal.reason != backend::Reason::unsupported_operator) {
                covering.refusals[id] = refusal;
            } else {
                covering.refusals.emplace(id, refusal);
            }
        }
    covering.regions = sorted(graph, std::move(covering.regions));
    return covering;
}

}  // namespace fovea::compiler
