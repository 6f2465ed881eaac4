#include "compiler/prove.hpp"

#include <algorithm>

#include "compiler/check_outputs.hpp"
#include "compiler/places.hpp"
#include "compiler/usable.hpp"
#include "fovea/error.hpp"
#include "tune/keys.hpp"
#include "vision/contract.hpp"
#include "vision/sample.hpp"

namespace fovea::compiler {
namespace {

/// Batches other than the optimum's that kernels are checked with.
std::vector<std::vector<Shape>> further_shapes(const plan::Plan& plan) {
    std::vector<std::vector<Shape>> result;
    const auto opt = shapes_of(plan, &plan::InputProfile::opt), max = shapes_of(plan, &plan::InputProfile::max),
               min = shapes_of(plan, &plan::InputProfile::min);
    auto two = min;
    for (std::size_t i = 0; i < two.size(); ++i)
        if (!two[i].empty() && max[i][0] > min[i][0]) two[i][0] = std::max<std::int64_t>(min[i][0], 2);
    if (two != opt && max != min) result.push_back(two);
    if (max != opt && max != two) result.push_back(max);
    return result;
}

/// What other kernels may take in all, by their measured times: on a processor those of a large network take seconds.
constexpr double kMostMicroseconds = 250'000;

/// Runs of each way of launching: what two kernels do at once is a matter of chance.
constexpr int kRuns = 3;

bool holds(const runtime::Context& context, const std::vector<Tensor>& outputs) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (!outputs[i]) continue;
        const Tensor found = context.output(i);
        const auto desc = backend::TensorDesc::dense(found.dtype(), found.shape(), backend::Layout::plain);
        if (found.shape() != outputs[i].shape() || !equal_bits(desc, found.raw(), outputs[i].raw())) return false;
    }
    return true;
}

/// All ways that were timed, the chosen one first, then the fastest; in a row at the end where none was.
std::vector<plan::Launching> ways_of(const plan::TargetSection& section) {
    auto timed = section.launching_us;
    std::ranges::stable_sort(timed, {}, [](const auto& way) { return way.second; });
    std::vector<plan::Launching> ways = {section.launching};
    for (const auto& [way, us] : timed) ways.push_back(way);
    ways.emplace_back();
    for (auto way = ways.begin() + 1; way != ways.end();)
        way = std::find(ways.begin(), way, *way) == way ? way + 1 : ways.erase(way);
    return ways;
}

}  // namespace

std::vector<Shape> shapes_of(const plan::Plan& plan, Shape plan::InputProfile::*which) {
    std::vector<Shape> shapes;
    for (const ir::ValueId id : plan.graph.inputs) shapes.push_back(plan.profile.at(plan.graph.value(id).name).*which);
    return shapes;
}

std::vector<Tensor> made_up_inputs(const plan::Plan& plan, const std::vector<Shape>& shapes, std::uint32_t seed) {
    std::vector<Tensor> inputs = random_inputs(plan.graph, shapes, seed);
    if (plan.contract.empty()) return inputs;
    const vision::InputContract contract = vision::contract_from_json(plan.contract).input;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (plan.graph.value(plan.graph.inputs[i]).name != contract.tensor) continue;
        inputs[i] = vision::sample_input(contract, shapes[i], seed).cast(inputs[i].dtype());
    }
    return inputs;
}

std::vector<WrongKernel> prove_kernels(runtime::Context& context, const std::vector<Tensor>& inputs,
                                       const GateOptions& options, plan::Certificate& certificate) {
    auto wrong = check_kernels(context, inputs, options, certificate);
    const std::shared_ptr<const runtime::Engine>& engine = context.shared_engine();
    for (const auto& shapes : further_shapes(engine->plan())) {
        runtime::Context further(engine);
        const auto more = check_kernels(further, made_up_inputs(engine->plan(), shapes, 2), options, certificate);
        wrong.insert(wrong.end(), more.begin(), more.end());
    }
    return wrong;
}

std::vector<Tensor> certain_outputs(const runtime::Context& context) {
    const ir::Graph& graph = context.engine().plan().graph;
    std::vector<Tensor> result;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i)
        result.push_back(is_random(graph, graph.outputs[i].value) ? Tensor() : context.output(i).clone());
    return result;
}

void prove_launching(runtime::Context& context, const std::vector<Tensor>& outputs, plan::TargetSection& section) {
    for (const plan::Launching& way : ways_of(section)) {
        context.device()->launch(way);
        bool equal = true;
        for (int run = 0; run < kRuns && equal; ++run) {
            context.run();
            equal = holds(context, outputs);
        }
        if (equal) {
            section.launching = way;
            return;
        }
        section.launching_wrong.push_back(way);
    }
    throw Error(ErrorCode::numerics,
                "kernels that are right one by one give other outputs when they are launched together; report it with "
                "the output of `fovea extract`");
}

std::map<ir::NodeId, std::vector<backend::Tactic>> affordable_rivals(const Covering& covering,
                                                                     const std::vector<Selection>& selections) {
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t r = 0; r < selections.size(); ++r)
        if (!selections[r].rivals.empty()) order.emplace_back(selections[r].rivals[0].times.cost(), r);
    std::ranges::sort(order);
    std::map<ir::NodeId, std::vector<backend::Tactic>> result;
    double left = kMostMicroseconds;
    for (const auto& [cost, r] : order) {
        if ((left -= cost) < 0) break;
        for (const Timed& rival : selections[r].rivals) result[covering.regions[r].nodes[0]].push_back(rival.tactic);
    }
    return result;
}

bool drop(const std::vector<WrongKernel>& wrong, const ops::ValueTable& values, const Covering& covering,
          std::vector<Selection>& selections, const RivalTactics& rivals, plan::Plan& plan, std::size_t section,
          std::vector<Dropped>& dropped) {
    bool chosen = false;
    for (const WrongKernel& kernel : wrong) {
        const auto r = static_cast<std::size_t>(
            std::ranges::find_if(covering.regions, [&](const auto& region) { return region.nodes[0] == kernel.node; }) -
            covering.regions.begin());
        const auto known = [&](const Dropped& other) { return other.region == r && other.tactic == kernel.tactic; };
        if (std::ranges::any_of(dropped, known)) continue;
        dropped.push_back({r, kernel.tactic, kernel.fault});
        const int threads = plan.targets[section].threads;
        remember_fault(
            rivals.cache,
            tune::candidate_key(rivals.backend, {plan.graph, covering.regions[r], values, threads}, kernel.tactic),
            kernel.fault);
        chosen = chosen || selections[r].tactic == kernel.tactic;
        for (Candidate& candidate : selections[r].candidates)
            if (candidate.tactic == kernel.tactic.name) candidate.fault = to_string(kernel.fault);
        for (plan::Step& step : plan.targets[section].steps)
            if (!step.region.nodes.empty() && step.region.nodes[0] == kernel.node) {
                add_once(step.wrong, kernel.tactic.name, to_string(kernel.fault));
                std::erase_if(step.others, [&](const auto& other) { return other.first == kernel.tactic.name; });
            }
    }
    return chosen;
}

}  // namespace fovea::compiler
