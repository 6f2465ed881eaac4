#include "pass/engine.hpp"

#include <algorithm>
#include <chrono>

#include "base/limits.hpp"
#include "fovea/error.hpp"
#include "pass/state.hpp"

namespace fovea::pass {
namespace {

constexpr int kMaxSweeps = 200;  ///< of one pass in a row
constexpr int kMaxRounds = 20;   ///< of the whole pipeline

class Stopwatch {
  public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::int64_t live_nodes(const ir::Graph& graph) {
    std::int64_t count = 0;
    for (ir::NodeId id = 0; id < graph.node_count(); ++id) count += !graph.node(id).removed;
    return count;
}

Change describe(const ir::Graph& graph, const ir::Applied& applied) {
    Change change;
    const auto text = [&](ir::NodeId id) {
        const ir::Node& node = graph.node(id);
        change.origins.insert(change.origins.end(), node.origins.begin(), node.origins.end());
        return node.name.empty() ? node.op : node.op + " " + node.name;
    };
    for (const ir::NodeId id : applied.removed) change.removed.push_back(text(id));
    for (const ir::NodeId id : applied.added)
        if (!graph.node(id).removed) change.added.push_back(text(id));
    for (const auto& [from, to] : applied.replaced) change.values.push_back(graph.value(to).name);
    std::sort(change.origins.begin(), change.origins.end());
    change.origins.erase(std::unique(change.origins.begin(), change.origins.end()), change.origins.end());
    return change;
}

class Engine {
  public:
    Engine(std::span<const Pass> passes, const Options& options)
        : passes_(passes),
          options_(options),
          budget_{base::limits::kFoldTotalBytes, base::limits::kFoldWork},
          left_(options.stop_after) {
        for (const Pass& pass : passes)
            report_.passes.push_back({.pass = std::string(pass.name), .summary = std::string(pass.summary)});
        for (const std::string& name : options.disabled)
            if (std::none_of(passes.begin(), passes.end(), [&](const Pass& pass) { return pass.name == name; }))
                throw Error(ErrorCode::invalid_argument, "there is no pass named \"" + name + "\" to disable");
    }

    void rewrite(ir::Graph& graph) {
        ir::verify(graph);
        rewrite_bodies(graph);
        {
            State state(graph);
            bool changed = true;
            for (int round = 0; changed && left_ > 0; ++round) {
                if (round == kMaxRounds) {
                    report_.settled = false;
                    break;
                }
                changed = false;
                for (std::size_t i = 0; i < passes_.size() && left_ > 0; ++i)
                    if (!options_.disabled.contains(passes_[i].name)) changed |= settle(graph, state, i);
            }
            state.annotate();
        }
        graph = graph.compact();
    }

    Report take_report() { return std::move(report_); }

  private:
    void rewrite_bodies(ir::Graph& graph) {
        for (ir::NodeId id = 0; id < graph.node_count(); ++id) {
            if (graph.node(id).removed) continue;
            for (auto& [key, attribute] : graph.node(id).attributes) {
                const auto* body = std::get_if<std::shared_ptr<const ir::Graph>>(&attribute);
                if (!body) continue;
                auto copy = std::make_shared<ir::Graph>(**body);
                rewrite(*copy);
                attribute = std::shared_ptr<const ir::Graph>(std::move(copy));
            }
        }
    }

    /// Sweeps with one pass until it proposes nothing that applies.
    bool settle(ir::Graph& graph, State& state, std::size_t index) {
        const Stopwatch watch;
        bool changed = false;
        try {
            for (int sweep = 0; left_ > 0 && sweep_once(graph, state, index); ++sweep) {
                changed = true;
                if (sweep == kMaxSweeps) {
                    report_.settled = false;
                    break;
                }
            }
            if (changed) ir::verify(graph);
        } catch (Error& error) {
            throw error.in("pass " + report_.passes[index].pass + ", before patch " +
                           std::to_string(report_.changes.size() + 1));
        }
        report_.passes[index].seconds += watch.seconds();
        return changed;
    }

    bool sweep_once(ir::Graph& graph, State& state, std::size_t index) {
        const auto patches = passes_[index].propose(View(graph, state.table(), state.order(), budget_));
        if (patches.empty()) return false;
        std::vector<ir::Applied> applied;
        ir::Rewriter rewriter(graph);
        for (const ir::Patch& patch : patches) {
            if (left_ == 0) break;
            auto one = rewriter.apply(patch);
            if (!one) continue;
            --left_;
            record(graph, *one, index);
            applied.push_back(std::move(*one));
        }
        if (applied.empty()) return false;
        state.update(applied);
        return true;
    }

    void record(const ir::Graph& graph, const ir::Applied& applied, std::size_t index) {
        PassReport& pass = report_.passes[index];
        Change change = describe(graph, applied);
        change.number = static_cast<std::int64_t>(report_.changes.size()) + 1;
        change.pass = pass.pass;
        ++pass.patches;
        pass.nodes_removed += static_cast<std::int64_t>(change.removed.size());
        pass.nodes_added += static_cast<std::int64_t>(change.added.size());
        report_.changes.push_back(std::move(change));
    }

    std::span<const Pass> passes_;
    const Options& options_;
    FoldBudget budget_;
    std::int64_t left_;
    Report report_;
};

}  // namespace

Report run(ir::Graph& graph, std::span<const Pass> passes, const Options& options) {
    const Stopwatch watch;
    for (const auto& [name, shape] : options.input_shapes) {
        const ir::ValueId id = graph.find_value(name);
        if (id == ir::kNone || !graph.is_input(id))
            throw Error(ErrorCode::invalid_argument,
                        "a shape was given for \"" + name + "\", which is no input of the graph");
        graph.value(id).dims = ir::to_dims(shape);
    }
    const std::int64_t before = live_nodes(graph);
    Engine engine(passes, options);
    engine.rewrite(graph);
    Report report = engine.take_report();
    report.nodes_before = before;
    report.nodes_after = live_nodes(graph);
    report.seconds = watch.seconds();
    return report;
}

}  // namespace fovea::pass
