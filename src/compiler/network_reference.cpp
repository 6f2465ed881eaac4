#include "compiler/network_reference.hpp"

#include "compiler/cover_at.hpp"
#include "compiler/gate.hpp"
#include "compiler/schedule.hpp"
#include "compiler/select.hpp"
#include "precision/widen.hpp"

namespace fovea::compiler {

plan::Plan reference_plan(ir::Graph network, const std::map<std::string, plan::InputProfile>& profile,
                          const std::vector<Shape>& shapes, const backend::Backend& host, int threads,
                          tune::TimingCache& cache) {
    plan::Plan plan;
    plan.graph = std::move(network);
    plan.profile = profile;
    if (host.widens(DType::f16) && precision::holds(plan.graph, DType::f16))
        plan.graph = precision::widen(std::move(plan.graph), DType::f16);
    const auto [values, covering] = cover_at(plan.graph, shapes, host, false, true);
    const auto selections = select(plan.graph, values, covering, host, cache, {.threads = threads, .tune = false});
    plan.targets = {schedule(plan.graph, values, covering, selections, host, threads)};
    return plan;
}

NetworkReference::NetworkReference(plan::Plan reference, const ir::Graph& plan, bool tf32, runtime::Backends backends,
                                   std::vector<Tensor> inputs, int threads)
    : backends_(std::move(backends)),
      threads_(threads),
      inputs_(std::move(inputs)),
      network_(reference.graph),
      rounding_(network_, plan, tf32),
      reference_(std::move(reference)) {}

std::shared_ptr<const runtime::Engine> NetworkReference::engine_of(const ir::Graph& graph) const {
    plan::Plan plan = reference_;
    plan.graph = graph;
    return std::make_shared<const runtime::Engine>(std::move(plan), backends_, runtime::EngineOptions{threads_});
}

runtime::Context& NetworkReference::prepare_exact() {
    if (!exact_) bind_inputs(exact_.emplace(engine_of(network_)), inputs_);
    return *exact_;
}

runtime::Context& NetworkReference::prepare_rounded() {
    if (!rounded_) {
        for (std::size_t i = 0; i < inputs_.size(); ++i) rounded_inputs_.push_back(rounding_.input(i, inputs_[i]));
        bind_inputs(rounded_.emplace(engine_of(rounding_.weights())), rounded_inputs_);
    }
    return *rounded_;
}

runtime::Context& NetworkReference::exact() {
    runtime::Context& context = prepare_exact();
    if (!exact_has_run_) context.run();
    exact_has_run_ = true;
    return context;
}

runtime::Context& NetworkReference::rounded() {
    if (!rounded_has_run_) observe_rounded({});
    return *rounded_;
}

void NetworkReference::observe_exact(const Observer& observer) {
    runtime::Context& context = prepare_exact();
    context.run([&](const runtime::Observation& seen) { observer(context, seen); });
    exact_has_run_ = true;
}

void NetworkReference::observe_rounded(const Observer& observer) {
    runtime::Context& context = prepare_rounded();
    context.run([&](const runtime::Observation& seen) {
        rounding_.apply(context.engine(), context.program(), seen);
        if (observer) observer(context, seen);
    });
    rounded_has_run_ = true;
}

}  // namespace fovea::compiler
