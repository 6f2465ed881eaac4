#include "compiler/build.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "base/hash.hpp"
#include "compiler/check_outputs.hpp"
#include "compiler/cover_at.hpp"
#include "compiler/launching.hpp"
#include "compiler/prove.hpp"
#include "compiler/schedule.hpp"
#include "compiler/typing.hpp"
#include "fovea/error.hpp"
#include "pass/pipeline.hpp"
#include "precision/widen.hpp"
#include "tune/keys.hpp"
#include "vision/contract.hpp"

namespace fovea::compiler {
namespace {

using Clock = std::chrono::steady_clock;

/// Every input's profile: the given one, or its declared shape with 1 for symbolic sizes.
std::map<std::string, plan::InputProfile> complete_profile(const ir::Graph& graph,
                                                           const std::map<std::string, plan::InputProfile>& given) {
    std::map<std::string, plan::InputProfile> result;
    for (const ir::ValueId id : graph.inputs) {
        const ir::Value& value = graph.value(id);
        if (const auto it = given.find(value.name); it != given.end()) {
            const plan::InputProfile& p = it->second;
            bool ordered = p.min.size() == p.opt.size() && p.opt.size() == p.max.size() &&
                           (!value.dims || value.dims->size() == p.min.size());
            for (std::size_t i = 0; ordered && i < p.min.size(); ++i)
                ordered = 0 <= p.min[i] && p.min[i] <= p.opt[i] && p.opt[i] <= p.max[i];
            if (!ordered)
                throw Error(
                    ErrorCode::invalid_argument,
                    "the profile must give min ≤ opt ≤ max for every axis of the input " + ir::to_string(value.dims))
                    .in("input " + value.name);
            result[value.name] = p;
            continue;
        }
        if (!value.dims)
            throw Error(ErrorCode::invalid_argument,
                        "the model declares no shape; give one with --shape " + value.name + "=…")
                .in("input " + value.name);
        Shape shape;
        for (const ir::Dim& dim : *value.dims) shape.push_back(dim.known() ? dim.value : 1);
        result[value.name] = {shape, shape, shape};
    }
    for (const auto& [name, p] : given)
        if (!result.contains(name))
            throw Error(ErrorCode::invalid_argument, "the model has no input of this name").in("profile " + name);
    return result;
}

/// The contract, once it is known to be one and to name an input.
std::string checked_contract(const std::map<std::string, plan::InputProfile>& profile, const std::string& text) {
    if (text.empty()) return text;
    try {
        const vision::Contract contract = vision::contract_from_json(text);
        if (!profile.contains(contract.input.tensor))
            throw Error(ErrorCode::invalid_argument, "the model has no input \"" + contract.input.tensor + "\"")
                .in("tensor")
                .in("input");
        return vision::to_json(contract);
    } catch (Error& error) {
        throw error.in("contract");
    }
}

/// Declares fixed sizes as numbers and ranges as symbols.
void declare_inputs(ir::Graph& graph, const std::map<std::string, plan::InputProfile>& profile) {
    for (const ir::ValueId id : graph.inputs) {
        ir::Value& value = graph.value(id);
        const plan::InputProfile& p = profile.at(value.name);
        ir::Dims dims;
        for (std::size_t i = 0; i < p.opt.size(); ++i) {
            if (p.min[i] == p.max[i])
                dims.emplace_back(p.opt[i]);
            else if (value.dims && !(*value.dims)[i].symbol.empty())
                dims.emplace_back((*value.dims)[i].symbol);
            else
                dims.emplace_back(value.name + "." + std::to_string(i));
        }
        value.dims = std::move(dims);
    }
}

/// Stage times and progress.
class Stages {
  public:
    Stages(const BuildOptions& options, BuildReport& report) : options_(options), report_(report) {}
    void begin(std::string_view name, double from, double to) {
        end();
        name_ = name;
        from_ = from;
        to_ = to;
        start_ = Clock::now();
        progress(0);
    }
    void progress(double fraction) const {
        if (options_.progress) options_.progress(name_, from_ + (to_ - from_) * fraction);
    }
    void end() {
        if (!name_.empty()) report_.seconds[name_] += std::chrono::duration<double>(Clock::now() - start_).count();
        name_.clear();
    }

  private:
    const BuildOptions& options_;
    BuildReport& report_;
    std::string name_;
    double from_ = 0, to_ = 0;
    Clock::time_point start_;
};

class Build {
  public:
    Build(const runtime::Backends& backends, const BuildOptions& options, BuildReport& report)
        : backends_(backends), backend_(*backends.at(0)), options_(options), report_(report), stages_(options, report) {
        threads_ = options.threads > 0 ? options.threads : omp_get_max_threads();
    }

    plan::Plan run(ir::Graph graph) {
        check_offered(backend_, options_.precision);
        plan_.precision = fovea::to_string(options_.precision);
        plan_.profile = complete_profile(graph, options_.profile);
        plan_.contract = checked_contract(plan_.profile, options_.contract);
        declare_inputs(graph, plan_.profile);
        stages_.begin("simplify", 0, 0.1);
        const auto halves = widen_halves(graph);
        report_.simplification = pass::simplify(graph, {.disabled = options_.disabled_passes});
        const ir::Graph simplified = canonical(graph);
        stages_.begin("types", 0.1, 0.12);
        plan_.graph = canonical(assign_types(simplified, options_.precision, options_.pins, plan_.choices));
        for (plan::Choice& choice : plan_.choices)
            if (choice.reason.empty() && choice.dtype != to_string(DType::f16) && halves.contains(choice.node))
                choice.reason = "f16 in the model, which the " + std::string(backend_.name()) + " computes wider";
        network_ = simplified;
        compile(true);
        return finish();
    }

    /// A target section for a plan that there is.
    plan::Plan run(plan::Plan plan) {
        plan_ = std::move(plan);
        check_offered(backend_, precision());
        network_ = precision() == DType::f32 ? plan_.graph : precision::widen(plan_.graph, precision());
        compile(false);
        return finish();
    }

  private:
    [[nodiscard]] DType precision() const { return dtype_from_string(plan_.precision); }

    /// Has the backend compute in f32, or in the precision asked for, what the model declares as f16. Returns the
    /// user's nodes that this concerns.
    [[nodiscard]] std::set<std::string, std::less<>> widen_halves(ir::Graph& graph) const {
        std::set<std::string, std::less<>> halves;
        if (!backend_.widens(DType::f16)) return halves;
        ops::annotate(graph);
        for (const ir::NodeId id : graph.order())
            for (const ir::ValueId output : graph.node(id).outputs)
                if (output != ir::kNone && graph.value(output).dtype == DType::f16)
                    halves.insert(graph.node(id).origins.begin(), graph.node(id).origins.end());
        if (precision::holds(graph, DType::f16)) graph = precision::widen(std::move(graph), DType::f16);
        return halves;
    }

    /// Proves the plan's new section against the network in f32.
    plan::Plan finish() {
        if (options_.gate != GateMode::off)
            prove_outputs();
        else
            section().certificate.mode = "off";
        stages_.end();
        return std::move(plan_);
    }

    /// With `fold`, the graph may still change; other target sections would not survive that.
    void compile(bool fold) {
        stages_.begin("cover", 0.12, 0.15);
        const auto [values, covering] =
            cover_at(plan_.graph, shapes_of(plan_, &plan::InputProfile::opt), backend_, options_.fuse, fold);
        if (options_.gate != GateMode::off) begin_reference();
        std::vector<Selection> selections;
        do {
            stages_.begin("tune", dropped_.empty() ? 0.15 : 0.7, 0.7);
            selections = select(plan_.graph, values, covering, backend_, cache(),
                                {.threads = threads_,
                                 .tune = options_.tune,
                                 .progress = [this](double f) { stages_.progress(f); },
                                 .timing_lock = options_.timing_lock,
                                 .before_timing = [this] { await_reference(); },
                                 .dropped = dropped_});
            put(schedule(plan_.graph, values, covering, selections, backend_, threads_));
        } while (options_.gate != GateMode::off && prove_kernels(values, covering, selections));
        for (const Selection& selection : selections) report_.candidates.push_back(selection.candidates);
        explain_reference_kernels(covering, values);
        if (!backend_.device() || !options_.tune) return;
        stages_.begin("tune", 0.9, 0.9);
        choose_launching(values, covering, selections);
    }

    [[nodiscard]] tune::TimingCache& cache() { return options_.timing_cache ? *options_.timing_cache : own_cache_; }

    /// Of all kernels together: what they win or lose by overlapping, none shows by itself.
    void choose_launching(const ops::ValueTable& values, const Covering& covering,
                          const std::vector<Selection>& selections) {
        std::string kernels;
        for (std::size_t r = 0; r < covering.regions.size(); ++r)
            if (selections[r].tactic.name != "late")
                kernels += tune::region_key({plan_.graph, covering.regions[r], values, threads_}) + "|" +
                           selections[r].tactic.name + "|";
        const std::string key = tune::machine_key(backend_, threads_) + std::to_string(base::hash_text(kernels)) + "|";
        auto [best, us] = compiler::choose_launching(
            *backend_.device(), cache(), key, options_.timing_lock, [&]() -> runtime::Context& {
                await_reference();
                if (!context_) {
                    inputs_ = made_up_inputs(plan_, shapes_of(plan_, &plan::InputProfile::opt), 1);
                    bind_inputs(context_.emplace(engine()), inputs_);
                }
                context_->run();
                return *context_;
            });
        section().launching = best;
        section().launching_us = std::move(us);
    }

    /// In the place of a section for the same machines, or behind all.
    void put(plan::TargetSection section) {
        const auto known = std::find_if(plan_.targets.begin(), plan_.targets.end(), [&](const auto& other) {
            return other.backend == section.backend && other.target == section.target;
        });
        section_ = static_cast<std::size_t>(known - plan_.targets.begin());
        context_.reset();
        engine_.reset();
        if (known == plan_.targets.end())
            plan_.targets.push_back(std::move(section));
        else
            *known = std::move(section);
    }

    plan::TargetSection& section() { return plan_.targets[section_]; }

    /// Of the plan with its new section.
    const std::shared_ptr<const runtime::Engine>& engine() {
        if (!engine_)
            engine_ = std::make_shared<const runtime::Engine>(plan_, backends_, runtime::EngineOptions{threads_});
        return engine_;
    }

    /// Says why reference kernels run, in the report and at the steps.
    void explain_reference_kernels(const Covering& covering, const ops::ValueTable& values) {
        for (plan::Step& step : section().steps) {
            if (step.region.pattern != "reference" || !covering.refusals.contains(step.region.nodes[0])) continue;
            const ir::Node& node = plan_.graph.node(step.region.nodes[0]);
            std::string why = describe(covering.refusals.at(step.region.nodes[0]));
            if (backend_.device()) why += copies_of(step.region, values);
            const std::string& name = node.origins.empty() ? node.name : node.origins[0];
            step.note = "reference kernel: " + report_.refusals.emplace_back(name + " (" + node.op + ")", why).second;
        }
    }

    /// Kernels one by one. Returns whether the plan holds wrong ones, which the next choice leaves out.
    bool prove_kernels(const ops::ValueTable& values, const Covering& covering, std::vector<Selection>& selections) {
        stages_.begin("gate", 0.7, 0.9);
        const RivalTactics rivals{backend_, cache(), affordable_rivals(covering, selections)};
        plan::Certificate& certificate = section().certificate;
        certificate.mode = options_.gate == GateMode::full ? "full" : "boxes";
        context_.emplace(engine());
        const auto wrong =
            compiler::prove_kernels(*context_, inputs_, {.mode = options_.gate, .rivals = &rivals}, certificate);
        if (context_->device()) outputs_ = certain_outputs(*context_);
        return drop(wrong, values, covering, selections, rivals, plan_, section_, dropped_);
    }

    /// The outputs against the same network unfused in f32.
    void prove_outputs() {
        stages_.begin("gate", 0.9, 1);
        if (context_->device()) prove_launching(*context_, outputs_, section());
        check_outputs(*context_, *reference_.get(), section().certificate);
    }

    /// Beside the work for a device, the processor runs the network that the plan is held against.
    void begin_reference() {
        const auto opt = shapes_of(plan_, &plan::InputProfile::opt);
        inputs_ = made_up_inputs(plan_, opt, 1);
        const bool ahead = backend_.device(), narrow = precision() != DType::f32 || backend_.tf32();
        reference_ = std::async(ahead ? std::launch::async : std::launch::deferred,
                                [this, ahead, narrow, opt, types = plan_.graph, profile = plan_.profile] {
                                    auto reference = std::make_unique<NetworkReference>(
                                        reference_plan(network_, profile, opt, host_backend(), threads_, cache()),
                                        types, backend_.tf32(), backends_, inputs_, threads_);
                                    reference->exact();
                                    if (ahead && narrow) reference->rounded();
                                    return reference;
                                });
    }

    /// Until it has run, and keeps no processor busy while kernels are timed.
    void await_reference() const {
        if (backend_.device() && reference_.valid()) reference_.wait();
    }

    /// The first backend that works in host memory: plans for devices are held against it.
    [[nodiscard]] const backend::Backend& host_backend() const {
        for (const auto& backend : backends_)
            if (!backend->device()) return *backend;
        return backend_;
    }

    const runtime::Backends& backends_;
    const backend::Backend& backend_;
    const BuildOptions& options_;
    BuildReport& report_;
    Stages stages_;
    int threads_ = 1;
    plan::Plan plan_;
    std::size_t section_ = 0;  ///< the one being built
    std::shared_ptr<const runtime::Engine> engine_;
    ir::Graph network_;  ///< simplified, before types were assigned
    tune::TimingCache own_cache_;
    std::vector<Dropped> dropped_;
    std::vector<Tensor> inputs_;   ///< made up, at the optimum
    std::vector<Tensor> outputs_;  ///< of the kernels one by one, on a device
    std::optional<runtime::Context> context_;
    /// Declared last: it uses the other members until it is ready.
    std::shared_future<std::unique_ptr<NetworkReference>> reference_;
};

/// Runs `function` with OpenMP's threads set to `threads`.
template <class Function>
plan::Plan with_threads(int threads, const Function& function) {
    struct Restore {
        int before = omp_get_max_threads();
        ~Restore() { omp_set_num_threads(before); }
    } const restore;
    if (threads > 0) omp_set_num_threads(threads);
    return function();
}

}  // namespace

plan::Plan build(ir::Graph graph, const runtime::Backends& backends, const BuildOptions& options, BuildReport* report) {
    BuildReport local;
    return with_threads(options.threads,
                        [&] { return Build(backends, options, report ? *report : local).run(std::move(graph)); });
}

plan::Plan retarget(plan::Plan plan, const runtime::Backends& backends, const BuildOptions& options,
                    BuildReport* report) {
    BuildReport local;
    return with_threads(options.threads,
                        [&] { return Build(backends, options, report ? *report : local).run(std::move(plan)); });
}

}  // namespace fovea::compiler
