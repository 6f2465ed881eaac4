#include "compiler/cover.hpp"

#include <algorithm>
#include <queue>

#include "fovea/error.hpp"
#include "ops/counted.hpp"

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

Covering cover_counted(const ir::Graph& graph, ops::ValueTable& values, const backend::Backend& backend, bool fuse) {
    if (!backend.device()) return cover(graph, values, backend, fuse);
    std::map<ir::NodeId, backend::Refusal> left;
    for (;;) {
        ops::ValueTable bounded = values;
        ops::bound_counts(graph, bounded, [&](ir::NodeId id) { return !left.contains(id); });
        Covering covering = cover(graph, bounded, backend, fuse);
        const std::size_t before = left.size();
        for (const backend::Region& region : covering.regions) {
            if (region.pattern != "reference") continue;
            for (const ir::ValueId id : region.outputs)
                if (bounded[static_cast<std::size_t>(id)].counted)
                    left.emplace(region.nodes[0], covering.refusals[region.nodes[0]]);
        }
        if (left.size() > before) continue;
        for (auto& [id, refusal] : left) covering.refusals[id] = std::move(refusal);
        values = std::move(bounded);
        return covering;
    }
}

std::string describe(const backend::Refusal& refusal) {
    return std::string(to_string(refusal.reason)) + (refusal.detail.empty() ? "" : ": " + refusal.detail);
}

std::string copies_of(const backend::Region& region, const ops::ValueTable& values) {
    double bytes = 0;
    for (const auto& list : {region.inputs, region.outputs})
        for (const ir::ValueId id : list) {
            const ops::ValueInfo& info = values[static_cast<std::size_t>(id)];
            if (const auto shape = ir::known_shape(info.dims); shape && !info.constant)
                bytes +=
                    static_cast<double>(base::element_count(*shape)) * static_cast<double>(element_bytes(info.dtype));
        }
    char text[80];
    std::snprintf(text, sizeof text, "; copies up to %.1f kB a run between the device and the host", bytes / 1e3);
    return text;
}

}  // namespace fovea::compiler
