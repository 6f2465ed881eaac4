#include "compiler/schedule.hpp"

#include <algorithm>
#include <set>

#include "fovea/error.hpp"
#include "ops/op.hpp"

namespace fovea::compiler {
namespace {

using backend::Layout;

/// Of the candidates that were not chosen, so many are kept.
constexpr std::size_t kOthers = 8;

class Scheduler {
  public:
    Scheduler(const ir::Graph& graph, const ops::ValueTable& values, const backend::Backend& backend, int threads)
        : graph_(graph), values_(values), backend_(backend) {
        target_.backend = backend.name();
        target_.target = backend.target();
        target_.threads = threads;
        target_.tf32 = backend.tf32();
    }

    plan::TargetSection run(const Covering& covering, const std::vector<Selection>& selections) {
        for (const ir::ValueId id : graph_.inputs) target_.inputs.push_back(add_slot(id, Layout::plain));
        for (std::size_t r = 0; r < covering.regions.size(); ++r) add_step(covering.regions[r], selections[r]);
        for (const ir::Output& output : graph_.outputs)
            target_.outputs.push_back(graph_.constant(output.value) ? -1 : slot_in(output.value, Layout::plain));
        index_slots();
        write_concatenations_in_place();
        read_splits_in_place();
        return std::move(target_);
    }

  private:
    /// Reference kernels run on the host, whatever the others run on.
    [[nodiscard]] std::string device_of(const backend::Region& region) const {
        return (backend_.device() && region.pattern == "reference" ? "cpu" : target_.backend) + ":0";
    }

    std::int32_t add_slot(ir::ValueId id, Layout layout, std::int32_t alias_of = -1) {
        target_.slots.push_back({id, layout, alias_of, -1});
        const auto slot = static_cast<std::int32_t>(target_.slots.size() - 1);
        slots_[{id, layout}] = slot;
        return slot;
    }

    /// The slot that holds `id` in `layout`; adds a conversion when the value exists in the other layout only.
    std::int32_t slot_in(ir::ValueId id, Layout layout) {
        if (const auto it = slots_.find({id, layout}); it != slots_.end()) return it->second;
        const Layout other = layout == Layout::plain ? Layout::channels_last : Layout::plain;
        const auto source = slots_.find({id, other});
        if (source == slots_.end())
            throw Error(ErrorCode::internal, "\"" + graph_.value(id).name + "\" is read before it is computed");
        plan::Step step;
        step.backend = backend_.name();
        step.device = target_.backend + ":0";
        step.region = {"convert", {}, {id}, {id}};
        step.tactic = {"convert", {other}, {layout}};
        step.tactic.reads_slices = true;
        step.inputs = {source->second};
        step.outputs = {add_slot(id, layout)};
        step.note = "layout " + std::string(to_string(other)) + " to " + std::string(to_string(layout));
        target_.steps.push_back(step);
        return target_.steps.back().outputs[0];
    }

    /// The fastest candidates but the chosen one, of those that were timed.
    static std::vector<std::pair<std::string, double>> others(const Selection& selection) {
        std::vector<std::pair<std::string, double>> list;
        for (const Candidate& candidate : selection.candidates)
            if (candidate.fault.empty() && candidate.times.warm > 0 && candidate.tactic != selection.tactic.name)
                list.emplace_back(candidate.tactic, candidate.times.cost());
        std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
        // A kernel that is there under two layouts counts once.
        std::set<std::string> names;
        std::erase_if(list, [&](const auto& other) { return !names.insert(other.first).second; });
        if (list.size() > kOthers) list.resize(kOthers);
        return list;
    }

    void add_step(const backend::Region& region, const Selection& selection) {
        plan::Step step;
        step.backend = backend_.name();
        step.device = device_of(region);
        step.region = region;
        step.tactic = selection.tactic;
        step.measured_us = selection.times.cost();
        step.others = others(selection);
        for (const Candidate& candidate : selection.candidates)
            if (!candidate.fault.empty()) step.wrong.emplace_back(candidate.tactic, candidate.fault);
        for (std::size_t i = 0; i < region.inputs.size(); ++i)
            step.inputs.push_back(
                graph_.constant(region.inputs[i]) ? -1 : slot_in(region.inputs[i], selection.tactic.inputs[i]));
        for (std::size_t i = 0; i < region.outputs.size(); ++i)
            step.outputs.push_back(add_slot(region.outputs[i], selection.tactic.outputs[i],
                                            selection.tactic.alias ? first_slot(step) : -1));
        target_.steps.push_back(std::move(step));
    }

    static std::int32_t first_slot(const plan::Step& step) {
        if (step.inputs.empty() || step.inputs[0] < 0)
            throw Error(ErrorCode::internal, "a view of a constant was not folded");
        return step.inputs[0];
    }

    void index_slots() {
        uses_.resize(target_.slots.size());
        for (const plan::Step& step : target_.steps) {
            for (const std::int32_t slot : step.inputs)
                if (slot >= 0) uses_[at(slot)].readers.push_back(&step);
            for (const std::int32_t slot : step.outputs) uses_[at(slot)].producer = &step;
        }
        for (const std::int32_t slot : target_.outputs)
            if (slot >= 0) uses_[at(slot)].output = true;
        for (const plan::Slot& slot : target_.slots)
            if (slot.alias_of >= 0) uses_[at(slot.alias_of)].shared = true;
    }

    void put_into(std::int32_t slot, std::int32_t whole, std::int64_t offset) {
        target_.slots[at(slot)].alias_of = whole;
        target_.slots[at(slot)].row_offset = offset;
        uses_[at(whole)].shared = true;
    }

    /// Where each of `parts` starts in their concatenation along `axis`, up to the first part of unknown size.
    [[nodiscard]] std::vector<std::int64_t> offsets_along(const std::vector<ir::ValueId>& parts,
                                                          std::size_t axis) const {
        std::vector<std::int64_t> offsets;
        std::int64_t offset = 0;
        for (const ir::ValueId part : parts) {
            const auto& dims = values_[static_cast<std::size_t>(part)].dims;
            if (!dims || !(*dims)[axis].known()) break;
            offsets.push_back(offset);
            offset += (*dims)[axis].value;
        }
        return offsets;
    }

    /// Inputs of a channels_last concatenation along the channels become slices of its result when one kernel that can
    /// write slices makes them and nothing else reads them.
    void write_concatenations_in_place() {
        for (const plan::Step& step : target_.steps) {
            if (step.region.pattern != "concat" || step.tactic.outputs[0] != Layout::channels_last) continue;
            const auto& parts = graph_.node(step.region.nodes[0]).inputs;
            const auto offsets = offsets_along(parts, 1);
            for (std::size_t i = 0; i < offsets.size(); ++i) {
                if (std::count(parts.begin(), parts.end(), parts[i]) > 1) continue;
                const auto at = std::find(step.region.inputs.begin(), step.region.inputs.end(), parts[i]);
                const std::int32_t slot = step.inputs[static_cast<std::size_t>(at - step.region.inputs.begin())];
                if (slot >= 0 && can_be_slice(slot)) put_into(slot, step.outputs[0], offsets[i]);
            }
        }
    }

    /// Parts of a split along the rows of its input stay where they are when every reader takes slices.
    void read_splits_in_place() {
        for (plan::Step& step : target_.steps) {
            if (step.region.pattern != "slice" || step.inputs[0] < 0) continue;
            const ir::Node& node = graph_.node(step.region.nodes[0]);
            const auto& dims = values_[static_cast<std::size_t>(node.inputs[0])].dims;
            if (!ops::find(node.op)->partitions || !dims) continue;
            const auto rank = static_cast<std::int64_t>(dims->size());
            const std::int64_t axis = base::normalize_axis(node.get<std::int64_t>("axis", 0), rank);
            if (axis != (step.tactic.inputs[0] == Layout::channels_last ? 1 : rank - 1) ||
                target_.slots[static_cast<std::size_t>(step.inputs[0])].row_offset >= 0)
                continue;
            const auto offsets = offsets_along(node.outputs, static_cast<std::size_t>(axis));
            for (std::size_t i = 0; i < offsets.size(); ++i) {
                const auto at = std::find(step.region.outputs.begin(), step.region.outputs.end(), node.outputs[i]);
                if (at != step.region.outputs.end())
                    read_in_place(step.outputs[static_cast<std::size_t>(at - step.region.outputs.begin())],
                                  step.inputs[0], offsets[i]);
            }
        }
    }

    void read_in_place(std::int32_t slot, std::int32_t whole, std::int64_t offset) {
        const Use& use = uses_[at(slot)];
        if (target_.slots[at(slot)].alias_of >= 0 || use.output || use.shared) return;
        if (std::all_of(use.readers.begin(), use.readers.end(),
                        [](const plan::Step* reader) { return reader->tactic.reads_slices; }))
            put_into(slot, whole, offset);
    }

    [[nodiscard]] bool can_be_slice(std::int32_t slot) const {
        const Use& use = uses_[at(slot)];
        return target_.slots[at(slot)].alias_of < 0 && !use.shared && use.readers.size() == 1 && use.producer &&
               use.producer->tactic.writes_slices;
    }

    static std::size_t at(std::int32_t slot) { return static_cast<std::size_t>(slot); }

    /// What the finished steps do with a slot.
    struct Use {
        std::vector<const plan::Step*> readers;  ///< one that reads it twice stands twice
        const plan::Step* producer = nullptr;
        bool output = false;  ///< of the graph
        bool shared = false;  ///< another slot lies in its memory
    };

    const ir::Graph& graph_;
    const ops::ValueTable& values_;
    const backend::Backend& backend_;
    plan::TargetSection target_;
    std::map<std::pair<ir::ValueId, Layout>, std::int32_t> slots_;
    std::vector<Use> uses_;  ///< by slot
};

}  // namespace

plan::TargetSection schedule(const ir::Graph& graph, const ops::ValueTable& values, const Covering& covering,
                             const std::vector<Selection>& selections, const backend::Backend& backend, int threads) {
    return Scheduler(graph, values, backend, threads).run(covering, selections);
}

}  // namespace fovea::compiler
