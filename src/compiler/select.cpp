#include "compiler/select.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <optional>
#include <set>

#include "compiler/usable.hpp"
#include "fovea/error.hpp"
#include "tune/keys.hpp"

namespace fovea::compiler {
namespace {

using backend::Layout;

/// Microseconds that the conversion of a tensor of this shape takes.
double measured_conversion(const backend::Backend& backend, const Shape& shape) {
    const auto from = backend::TensorDesc::dense(DType::f32, shape, Layout::plain);
    auto to = from;
    to.layout = Layout::channels_last;
    to.pitch = to.row();
    const auto kernel = backend.conversion(from, to);
    const tune::Workbench bench(backend);
    const auto source = bench.allocate(from.bytes()), target = bench.allocate(to.bytes());
    bench.put(source.get(), std::vector<std::byte>(from.bytes()).data(), from.bytes());
    const std::byte* in[] = {source.get()};
    std::byte* out[] = {target.get()};
    const auto state = kernel->make_state();
    double best = std::numeric_limits<double>::max();
    for (int i = 0; i < 3; ++i) best = std::min(best, bench.time(*kernel, {in, out, nullptr, state.get()}));
    return best;
}

/// Microseconds that a change of layout takes.
struct ConversionCost {
    double per_byte = 1, fixed = 0;
};

/// From the cache where it is known: equal times must give equal plans. Measured on a tensor larger than the
/// second-level cache; on a device a launch counts, however small the tensor.
ConversionCost conversion_cost(const backend::Backend& backend, tune::TimingCache& cache, int threads) {
    const auto cached = [&](const std::string& what, const Shape& shape, double units) {
        const std::string key = tune::machine_key(backend, threads) + what;
        if (const auto known = cache.find(key)) return *known;
        const double cost = measured_conversion(backend, shape) / units;
        cache.insert(key, cost);
        return cost;
    };
    return {cached("conversion of a byte", {1, 64, 128, 128}, 4.0 * 64 * 128 * 128),
            backend.device() ? cached("conversion of a pixel", {1, 8, 1, 1}, 1) : 0};
}

/// Coordinate descent over the regions: what `select` minimises.
class Selector {
  public:
    Selector(const ir::Graph& graph, const ops::ValueTable& values, const Covering& covering,
             std::vector<std::vector<Timed>> candidates, const ConversionCost& conversion)
        : graph_(graph),
          values_(values),
          regions_(covering.regions),
          candidates_(std::move(candidates)),
          conversion_(conversion) {
        producer_.assign(static_cast<std::size_t>(graph.value_count()), {-1, 0});
        readers_.resize(static_cast<std::size_t>(graph.value_count()));
        for (std::size_t r = 0; r < regions_.size(); ++r) {
            for (std::size_t i = 0; i < regions_[r].outputs.size(); ++i)
                producer_[static_cast<std::size_t>(regions_[r].outputs[i])] = {static_cast<int>(r), i};
            for (std::size_t i = 0; i < regions_[r].inputs.size(); ++i)
                readers_[static_cast<std::size_t>(regions_[r].inputs[i])].push_back({static_cast<int>(r), i});
        }
    }

    /// Index of the chosen candidate of every region.
    std::vector<std::size_t> run() {
        auto best = descend(Layout::channels_last);
        const double best_cost = total(best);
        auto other = descend(Layout::plain);
        return total(other) < best_cost ? other : best;
    }

  private:
    struct Place {
        int region;
        std::size_t index;
    };
    using Choice = std::vector<std::size_t>;

    [[nodiscard]] const backend::Tactic& tactic(const Choice& choice, int region) const {
        const auto r = static_cast<std::size_t>(region);
        return candidates_[r][choice[r]].tactic;
    }

    [[nodiscard]] double bytes(ir::ValueId id) const {
        const auto& info = values_[static_cast<std::size_t>(id)];
        const auto shape = ir::known_shape(info.dims);
        return shape ? static_cast<double>(base::element_count(*shape)) * static_cast<double>(element_bytes(info.dtype))
                     : 0;
    }

    /// Cost of the conversions that a value needs under a choice: one for every further layout in which it is read.
    [[nodiscard]] double conversions(const Choice& choice, ir::ValueId id) const {
        if (values_[static_cast<std::size_t>(id)].constant) return 0;
        const Place producer = producer_[static_cast<std::size_t>(id)];
        const Layout made =
            producer.region < 0 ? Layout::plain : tactic(choice, producer.region).outputs[producer.index];
        const Layout other = made == Layout::plain ? Layout::channels_last : Layout::plain;
        bool needed = other == Layout::plain && graph_.is_output(id);
        for (const Place& reader : readers_[static_cast<std::size_t>(id)])
            needed = needed || tactic(choice, reader.region).inputs[reader.index] == other;
        return needed ? conversion_.fixed + bytes(id) * conversion_.per_byte : 0;
    }

    [[nodiscard]] double local(const Choice& choice, std::size_t r) const {
        double cost = candidates_[r][choice[r]].times.cost();
        for (const ir::ValueId id : regions_[r].inputs) cost += conversions(choice, id);
        for (const ir::ValueId id : regions_[r].outputs) cost += conversions(choice, id);
        return cost;
    }

    [[nodiscard]] double total(const Choice& choice) const {
        double cost = 0;
        for (std::size_t r = 0; r < regions_.size(); ++r) cost += candidates_[r][choice[r]].times.cost();
        for (ir::ValueId id = 0; id < graph_.value_count(); ++id) cost += conversions(choice, id);
        return cost;
    }

    /// The fastest candidate of each region among those with the most tensors in `preferred`.
    [[nodiscard]] Choice start(Layout preferred) const {
        Choice choice(regions_.size(), 0);
        for (std::size_t r = 0; r < regions_.size(); ++r) {
            std::pair<std::ptrdiff_t, double> best{-1, 0};
            for (std::size_t c = 0; c < candidates_[r].size(); ++c) {
                const backend::Tactic& t = candidates_[r][c].tactic;
                const std::pair score{std::count(t.inputs.begin(), t.inputs.end(), preferred) +
                                          std::count(t.outputs.begin(), t.outputs.end(), preferred),
                                      -candidates_[r][c].times.cost()};
                if (score > best) {
                    best = score;
                    choice[r] = c;
                }
            }
        }
        return choice;
    }

    [[nodiscard]] Choice descend(Layout preferred) const {
        Choice choice = start(preferred);
        for (int sweep = 0; sweep < 16; ++sweep) {
            bool changed = false;
            for (std::size_t r = 0; r < regions_.size(); ++r) {
                const std::size_t before = choice[r];
                std::size_t best = before;
                double best_cost = local(choice, r);
                for (std::size_t c = 0; c < candidates_[r].size(); ++c) {
                    choice[r] = c;
                    if (const double cost = local(choice, r); cost < best_cost) {
                        best_cost = cost;
                        best = c;
                    }
                }
                choice[r] = best;
                changed = changed || best != before;
            }
            if (!changed) break;
        }
        return choice;
    }

    const ir::Graph& graph_;
    const ops::ValueTable& values_;
    const std::vector<backend::Region>& regions_;
    std::vector<std::vector<Timed>> candidates_;
    ConversionCost conversion_;
    std::vector<Place> producer_;
    std::vector<std::vector<Place>> readers_;
};

bool shapes_known(const ops::ValueTable& values, const backend::Region& region) {
    const auto known = [&](ir::ValueId id) {
        return ir::known_shape(values[static_cast<std::size_t>(id)].dims).has_value();
    };
    return std::all_of(region.inputs.begin(), region.inputs.end(), known) &&
           std::all_of(region.outputs.begin(), region.outputs.end(), known);
}

/// Every region's tactics; libraries take their time to propose some, so that they are asked side by side.
std::vector<std::vector<backend::Tactic>> tactics_of(const ir::Graph& graph, const ops::ValueTable& values,
                                                     const Covering& covering, const backend::Backend& backend,
                                                     const SelectOptions& options) {
    std::vector<std::vector<backend::Tactic>> result(covering.regions.size());
    std::vector<std::exception_ptr> errors(result.size());
#pragma omp parallel for schedule(dynamic) if (backend.device())
    for (std::size_t r = 0; r < result.size(); ++r) try {
            const backend::Region& region = covering.regions[r];
            if (shapes_known(values, region))
                result[r] = backend.tactics({graph, region, values, options.threads});
            else  // runs by reference kernels on actual tensors
                result[r] = {{"late", std::vector(region.inputs.size(), Layout::plain),
                              std::vector(region.outputs.size(), Layout::plain)}};
        } catch (...) {
            errors[r] = std::current_exception();
        }
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
    return result;
}

/// The tactics that run, with their times; all of them, untimed, without a tuner.
std::vector<Timed> candidates_of(const backend::RegionContext& context, const backend::Backend& backend,
                                 const std::vector<backend::Tactic>& tactics, tune::Tuner* tuner) {
    std::vector<Timed> result;
    const auto times = tuner ? tuner->time(context, tactics) : std::vector<tune::Times>(tactics.size());
    for (std::size_t i = 0; i < tactics.size(); ++i)
        if (std::isfinite(times[i].warm)) result.push_back({tactics[i], times[i]});
    if (result.empty())
        throw Error(ErrorCode::internal,
                    "the backend \"" + std::string(backend.name()) + "\" offers no way to compute it")
            .in("node " + context.node(0).name + " (" + context.node(0).op + ")");
    return result;
}

/// The choice of candidate `chosen`, beside those that are `wrong`.
Selection selection_of(const std::vector<Timed>& candidates, std::size_t chosen, const Faults& wrong) {
    Selection selection{candidates[chosen].tactic, candidates[chosen].times, {}, {}};
    for (const Timed& candidate : candidates)
        selection.candidates.push_back({candidate.tactic.name, candidate.times, {}});
    for (const auto& [name, fault] : wrong) selection.candidates.push_back({name, {}, to_string(fault)});
    selection.rivals = rivals_of(selection.tactic, candidates);
    return selection;
}

/// Whether a region runs as one kernel: all its shapes are known, and not all its results.
bool runs_as_kernel(const ops::ValueTable& values, const backend::Region& region) {
    return shapes_known(values, region) &&
           !std::all_of(region.outputs.begin(), region.outputs.end(), [&](ir::ValueId id) {
               return static_cast<bool>(values[static_cast<std::size_t>(id)].constant);
           });
}

/// Share of the whole choice, for the progress, that compiling what is to be timed takes where kernels are compiled.
double compiling_share(const backend::Backend& backend) { return backend.device() ? 0.7 : 0; }

/// Has the backend compile everything that will be timed, equal layers once; in pieces, so that progress shows. Whether
/// there is anything.
bool prepare_ahead(const ir::Graph& graph, const ops::ValueTable& values, const Covering& covering,
                   const std::vector<std::vector<backend::Tactic>>& tactics, const backend::Backend& backend,
                   const tune::Tuner& tuner, const SelectOptions& options) {
    std::vector<std::pair<backend::RegionContext, backend::Tactic>> list;
    std::set<std::string> listed;
    for (std::size_t r = 0; r < covering.regions.size(); ++r) {
        const backend::RegionContext context{graph, covering.regions[r], values, options.threads};
        if (!runs_as_kernel(values, context.region)) continue;
        const std::string key = tune::region_key(context);
        for (backend::Tactic& tactic : tuner.unknown(context, tactics[r]))
            if (listed.insert(key + "|" + tune::tactic_key(tactic)).second)
                list.emplace_back(context, std::move(tactic));
    }
    const std::size_t piece = 8 * static_cast<std::size_t>(std::max(options.threads, 1));
    for (std::size_t done = 0; done < list.size();) {
        const std::size_t end = std::min(done + piece, list.size());
        (void)backend.prepare_ahead(
            {list.begin() + static_cast<std::ptrdiff_t>(done), list.begin() + static_cast<std::ptrdiff_t>(end)});
        done = end;
        if (options.progress)
            options.progress(compiling_share(backend) * static_cast<double>(done) / static_cast<double>(list.size()));
    }
    return !list.empty();
}

}  // namespace

std::vector<Selection> select(const ir::Graph& graph, const ops::ValueTable& values, const Covering& covering,
                              const backend::Backend& backend, tune::TimingCache& cache, const SelectOptions& options) {
    auto tactics = tactics_of(graph, values, covering, backend, options);
    std::vector<Faults> wrong(tactics.size());
    for (std::size_t r = 0; r < tactics.size(); ++r)
        if (runs_as_kernel(values, covering.regions[r]))
            wrong[r] = take_out_wrong(tactics[r], backend, {graph, covering.regions[r], values, options.threads}, r,
                                      options.dropped, cache);
    std::optional<tune::Tuner> tuner;
    const tune::TuneOptions timing = {.lock = options.timing_lock};
    if (options.tune &&
        prepare_ahead(graph, values, covering, tactics, backend, tuner.emplace(backend, cache, timing), options) &&
        options.before_timing)
        options.before_timing();
    const double compiled = tuner ? compiling_share(backend) : 0;
    std::vector<std::vector<Timed>> candidates;
    for (std::size_t r = 0; r < covering.regions.size(); ++r) {
        const backend::RegionContext context{graph, covering.regions[r], values, options.threads};
        candidates.push_back(candidates_of(context, backend, tactics[r],
                                           tuner && runs_as_kernel(values, context.region) ? &*tuner : nullptr));
        if (options.progress)
            options.progress(compiled + (1 - compiled) * static_cast<double>(candidates.size()) /
                                            static_cast<double>(covering.regions.size()));
    }
    const ConversionCost conversion =
        options.tune ? conversion_cost(backend, cache, options.threads) : ConversionCost();
    const auto choice = Selector(graph, values, covering, candidates, conversion).run();
    std::vector<Selection> result;
    for (std::size_t r = 0; r < choice.size(); ++r) result.push_back(selection_of(candidates[r], choice[r], wrong[r]));
    return result;
}

}  // namespace fovea::compiler
