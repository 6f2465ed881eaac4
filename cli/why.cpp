#include "why.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/describe.hpp"
#include "fovea/error.hpp"
#include "units.hpp"

namespace fovea::cli {
namespace {

constexpr std::size_t kSimilar = 8;

bool holds(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

/// Whether the step computes the node, or a tensor of that name.
bool concerns(const plan::Plan& plan, const plan::Step& step, const std::string& name) {
    for (const ir::NodeId id : step.region.nodes) {
        const ir::Node& node = plan.graph.node(id);
        if (node.name == name || holds(node.origins, name)) return true;
        for (const ir::ValueId value : node.outputs)
            if (value != ir::kNone &&
                (plan.graph.value(value).name == name || holds(plan.graph.value(value).origins, name)))
                return true;
    }
    return false;
}

std::string tensor(const plan::Plan& plan, const ops::ValueTable& values, ir::ValueId id, backend::Layout layout) {
    const ops::ValueInfo& info = values[static_cast<std::size_t>(id)];
    return fmt::format("{} {}{} {}", plan.graph.value(id).name, to_string(info.dtype), ir::to_string(info.dims),
                       to_string(layout));
}

std::string describe(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values, double whole_us) {
    const api::StepCost cost = api::step_cost(plan, step, values);
    std::vector<std::string> operators;
    for (const ir::NodeId id : step.region.nodes) operators.push_back(plan.graph.node(id).op);
    std::string text;
    const auto line = [&](const char* title, const std::string& content) {
        text += fmt::format("  {:<10} {}\n", title, content);
    };
    if (step.tactic.alias)
        line("kernel", "none: a view of its input in another shape");
    else
        line("kernel", fmt::format("{} on {}, by {} kernels", step.tactic.name, step.device, step.region.pattern));
    line("computes", joined(operators, " ") + " of " + joined(api::step_nodes(plan, step)));
    line("type", std::string(to_string(api::step_type(plan, step, values))));
    for (std::size_t i = 0; i < step.region.inputs.size(); ++i)
        if (!plan.graph.constant(step.region.inputs[i]))
            line("reads", tensor(plan, values, step.region.inputs[i], step.tactic.inputs[i]));
    for (std::size_t i = 0; i < step.region.outputs.size(); ++i)
        line("writes", tensor(plan, values, step.region.outputs[i], step.tactic.outputs[i]));
    if (!step.tactic.alias) line("work", fmt::format("{} FLOPs, {}", scaled(cost.flops), bytes(cost.bytes)));
    if (step.measured_us > 0)
        line("time", fmt::format("{} ms, {} of all kernels", milliseconds(step.measured_us),
                                 percent(step.measured_us, whole_us)));
    for (const auto& [tactic, fault] : step.wrong) line("dropped", tactic + ", its result is wrong: " + fault);
    if (!step.note.empty()) line("because", step.note);
    return text;
}

std::string choices(const plan::Plan& plan, const std::string& name) {
    std::string text;
    for (const plan::Choice& choice : plan.choices)
        if (choice.node == name)
            text += fmt::format("  {:<10} {}{}\n", "chosen", choice.dtype,
                                choice.reason.empty() ? ", as asked" : ": " + choice.reason);
    return text;
}

std::string candidates(const std::vector<compiler::Candidate>& list) {
    std::string text;
    for (const compiler::Candidate& candidate : list)
        if (candidate.fault.empty())
            text += (text.empty() ? "" : ", ") + candidate.tactic +
                    (candidate.times.warm > 0 ? " " + milliseconds(candidate.times.warm) + " ms" : "");
    return fmt::format("  {:<10} {}\n", "considered", text);
}

std::string rewrites(const compiler::BuildReport& report, const std::string& name) {
    std::string text;
    for (const pass::Change& change : report.simplification.changes) {
        if (!holds(change.origins, name) && !holds(change.values, name)) continue;
        text += fmt::format("  {:<10} {}: {}", "rewritten", change.pass,
                            change.removed.empty() ? "nothing" : joined(change.removed));
        text += " -> " + (change.added.empty() ? std::string("nothing") : joined(change.added)) + "\n";
    }
    return text;
}

std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

[[noreturn]] void unknown(const plan::Plan& plan, const std::string& name) {
    std::set<std::string> names;
    for (const ir::NodeId id : plan.graph.order())
        names.insert(plan.graph.node(id).origins.begin(), plan.graph.node(id).origins.end());
    std::vector<std::pair<std::size_t, std::string>> ranked;
    for (const std::string& known : names)
        ranked.emplace_back(known.find(name) != std::string::npos ? 0 : distance(name, known), known);
    std::sort(ranked.begin(), ranked.end());
    ranked.resize(std::min(ranked.size(), kSimilar));
    std::string similar;
    for (const auto& [rank, known] : ranked) similar += (similar.empty() ? "" : ", ") + known;
    throw Error(ErrorCode::invalid_argument, "no node or tensor has this name; similar ones are: " + similar)
        .in("node " + name);
}

}  // namespace

std::string explain(const plan::Plan& plan, const std::string& name, const compiler::BuildReport* report) {
    const ops::ValueTable values = api::optimum(plan);
    std::string text;
    for (const plan::TargetSection& target : plan.targets) {
        double whole = 0;
        for (const plan::Step& step : target.steps) whole += step.measured_us;
        std::size_t region = 0;
        for (const plan::Step& step : target.steps) {
            const std::size_t index = step.region.nodes.empty() ? region : region++;
            if (!concerns(plan, step, name)) continue;
            text += describe(plan, step, values, whole);
            if (report && index < report->candidates.size()) text += candidates(report->candidates[index]);
        }
    }
    const std::string changes = report ? rewrites(*report, name) : std::string();
    if (text.empty() && !changes.empty())
        text = fmt::format("  {:<10} {}\n", "kernel", "none: simplification left nothing of it to compute");
    if (text.empty() && changes.empty()) unknown(plan, name);
    return name + "\n" + text + choices(plan, name) + changes;
}

}  // namespace fovea::cli
