#include "tune/tuner.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "base/checked.hpp"
#include "base/dispatch.hpp"
#include "fovea/error.hpp"
#include "tune/keys.hpp"

namespace fovea::tune {
namespace {

using Clock = std::chrono::steady_clock;

/// As devices align what they allocate: cuBLASLt refuses workspaces that are aligned less.
constexpr std::size_t kAlignment = 256;

/// Of candidates that cannot run.
constexpr Times kNever = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};

/// Behind the keys of times with cold caches.
constexpr const char* kCold = "|cold";

/// Fills one tensor's memory with random content that no operator chokes on: a short sequence, repeated.
void fill(DType type, std::byte* memory, std::size_t bytes) {
    if (element_bytes(type) == 0 || (!base::is_float(type) && type != DType::u8 && type != DType::i8)) {
        std::fill_n(memory, bytes, std::byte{0});  // indices and flags
        return;
    }
    const std::size_t count = std::min<std::size_t>(bytes / element_bytes(type), 16'381);
    base::visit(type, [&]<class T>() {
        std::minstd_rand generator(1);
        auto* data = reinterpret_cast<T*>(memory);
        for (std::size_t i = 0; i < count; ++i) {
            if constexpr (base::is_floating<T>)
                data[i] = static_cast<T>(static_cast<float>(generator() % 2048) / 1024.0f - 1.0f);
            else
                data[i] = static_cast<T>(generator() % 64);
        }
    });
    const std::size_t period = count * element_bytes(type);
    for (std::size_t done = period; done < bytes; done += period)
        std::memcpy(memory + done, memory, std::min(period, bytes - done));
}

/// The lower one of two in the middle.
double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Where the tensors of one region lie while its candidates are timed.
struct Tensors {
    std::vector<const std::byte*> inputs;
    std::vector<std::byte*> outputs;
    std::byte* workspace = nullptr;
    std::int64_t* counts = nullptr;
    std::vector<std::span<const std::byte>> made = {};  ///< inputs that other kernels make
};

/// Bytes of the counts that the region's kernels read or write.
std::size_t count_bytes(const backend::RegionContext& context) {
    std::size_t counts = 0;
    for (const auto& list : {context.region.inputs, context.region.outputs})
        for (const ir::ValueId id : list)
            if (const auto& counted = context.info(id).counted) counts = std::max(counts, counted->count + 1);
    return base::round_up(counts * sizeof(std::int64_t), kAlignment);
}

/// Bytes that a dense tensor takes up to where the next one may begin.
std::size_t padded_bytes(const backend::RegionContext& context, ir::ValueId id) {
    const auto desc = backend::TensorDesc::dense(context.dtype(id), context.shape(id), backend::Layout::plain);
    return base::round_up(desc.bytes(), kAlignment);
}

/// One after the other from `memory` on; inputs get random content, written to the same places from `content` on.
/// Constants stay where they are.
Tensors place(const backend::RegionContext& context, std::byte* memory, std::byte* content) {
    Tensors result;
    for (const ir::ValueId id : context.region.inputs) {
        if (const Tensor* constant = context.constant(id)) {
            result.inputs.push_back(constant->raw());
            continue;
        }
        fill(context.dtype(id), content, padded_bytes(context, id));
        result.inputs.push_back(memory);
        result.made.emplace_back(memory, padded_bytes(context, id));
        memory += padded_bytes(context, id);
        content += padded_bytes(context, id);
    }
    for (const ir::ValueId id : context.region.outputs) {
        result.outputs.push_back(memory);
        memory += padded_bytes(context, id);
    }
    result.counts = reinterpret_cast<std::int64_t*>(memory);
    result.workspace = memory + count_bytes(context);
    return result;
}

/// A candidate under measurement.
struct Trial {
    std::size_t index;  ///< among the region's tactics
    std::unique_ptr<backend::Kernel> kernel;
    std::unique_ptr<backend::KernelState> state;
    std::vector<double> times = {};  ///< in microseconds
    double spent = 0;

    [[nodiscard]] backend::KernelArgs args(const Tensors& tensors) const {
        return {tensors.inputs.data(), tensors.outputs.data(), tensors.workspace, state.get(), nullptr, tensors.counts};
    }
    double run(const Tensors& tensors, const Workbench& bench) {
        const double time = bench.time(*kernel, args(tensors));
        spent += time;
        return time;
    }
};

/// Bytes of all that `place` places, and of the largest workspace.
std::size_t needed_bytes(const backend::RegionContext& context, const std::vector<Trial>& trials) {
    std::size_t total = 0;
    for (const Trial& trial : trials) total = std::max(total, trial.kernel->workspace_bytes());
    for (const ir::ValueId id : context.region.inputs) total += context.constant(id) ? 0 : padded_bytes(context, id);
    for (const ir::ValueId id : context.region.outputs) total += padded_bytes(context, id);
    return total + count_bytes(context);
}

/// Whether the candidate runs: libraries refuse some only then. The last one left has to.
bool runs(Trial& trial, const Tensors& tensors, const Workbench& bench, bool last) {
    try {
        trial.times = {trial.run(tensors, bench)};
        return true;
    } catch (const Error& error) {
        if (last || error.code() != ErrorCode::unsupported) throw;
        return false;
    }
}

/// Times every candidate once, then in turn those that may still be the fastest; `fastest` is the best time known of
/// other candidates, infinity where there are none.
void race(std::vector<Trial>& trials, const Tensors& tensors, const Workbench& bench, double fastest,
          const TuneOptions& options) {
    const bool choice = trials.size() > 1 || std::isfinite(fastest);
    std::erase_if(trials, [&](Trial& trial) {
        const bool last = &trial == &trials.back() && !std::isfinite(fastest);
        if (!runs(trial, tensors, bench, last)) return true;
        if (trial.times[0] < options.long_us) trial.times[0] = trial.run(tensors, bench);
        fastest = std::min(fastest, trial.times[0]);
        return false;
    });
    const auto open = [&](const Trial& trial) {
        const auto runs = static_cast<int>(trial.times.size());
        const bool enough = trial.spent >= options.enough_us;
        const bool hopeless = *std::min_element(trial.times.begin(), trial.times.end()) > options.hopeless * fastest;
        if (runs < options.least_runs) return !enough || (choice && !hopeless);
        return runs < options.most_runs && !enough && !hopeless;
    };
    while (std::any_of(trials.begin(), trials.end(), open))
        for (Trial& trial : trials)
            if (open(trial)) {
                trial.times.push_back(trial.run(tensors, bench));
                fastest = std::min(fastest, trial.times.back());
            }
}

}  // namespace

Workbench::Workbench(const backend::Backend& backend) : device_(backend.device()) {
    if (device_) stream_ = device_->make_stream();
}

std::shared_ptr<std::byte> Workbench::allocate(std::size_t bytes) const {
    return device_ ? device_->allocate(bytes) : backend::PackedConstants::allocate(bytes);
}

void Workbench::put(std::byte* memory, const std::byte* content, std::size_t bytes) const {
    if (!stream_) {
        std::copy_n(content, bytes, memory);
        return;
    }
    stream_->upload(memory, content, bytes);
    stream_->synchronize();
}

double Workbench::time(const backend::Kernel& kernel, backend::KernelArgs args) const {
    if (stream_) {
        args.stream = stream_.get();
        return backend::time_calls(*stream_, [&] { kernel.run(args); });
    }
    const auto start = Clock::now();
    kernel.run(args);
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double Workbench::time_cold(const backend::Kernel& kernel, backend::KernelArgs args,
                            const std::vector<std::span<const std::byte>>& kept) const {
    args.stream = stream_.get();
    return backend::time_cold_calls(*stream_, kept, [&] { kernel.run(args); });
}

std::optional<Times> Tuner::known(const std::string& key) const {
    const auto warm = cache_->find(key);
    if (!warm || !bench_.on_device()) return warm ? std::optional(Times{*warm, *warm}) : std::nullopt;
    const auto cold = cache_->find(key + kCold);
    return cold ? std::optional(Times{*warm, *cold}) : std::nullopt;
}

std::vector<backend::Tactic> Tuner::unknown(const backend::RegionContext& context,
                                            const std::vector<backend::Tactic>& tactics) const {
    std::vector<backend::Tactic> result;
    const std::string region = region_prefix(*backend_, context);
    for (const backend::Tactic& tactic : tactics)
        if (!tactic.alias && !known(region + tactic_key(tactic))) result.push_back(tactic);
    return result;
}

std::unique_ptr<backend::Kernel> Tuner::prepare(const backend::RegionContext& context,
                                                const backend::Tactic& tactic) const {
    try {
        return prepare_kernel(*backend_, context, tactic);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::unsupported) throw;
        return nullptr;
    }
}

std::byte* Tuner::reserve(std::size_t bytes) {
    if (bytes > memory_bytes_) {
        memory_.reset();
        memory_ = bench_.allocate(bytes);
        memory_bytes_ = bytes;
        // No candidate shall wait for the system's pages.
        if (!bench_.on_device()) std::fill_n(memory_.get(), bytes, std::byte{0});
    }
    return memory_.get();
}

std::vector<Times> Tuner::time(const backend::RegionContext& context, const std::vector<backend::Tactic>& tactics) {
    std::vector<Times> result(tactics.size());
    std::vector<std::string> keys;
    std::vector<Trial> trials;
    double fastest = std::numeric_limits<double>::infinity();
    const std::string region = region_prefix(*backend_, context);
    for (std::size_t i = 0; i < tactics.size(); ++i) {
        keys.push_back(region + tactic_key(tactics[i]));
        if (tactics[i].alias) continue;
        if (const auto times = known(keys[i])) {
            result[i] = *times;
            fastest = std::min(fastest, times->warm);
        } else {
            auto kernel = prepare(context, tactics[i]);
            if (!kernel) {
                result[i] = kNever;
                continue;
            }
            // A kernel on the host in a plan for a device has no rivals.
            if (bench_.on_device() && kernel->on_host()) continue;
            auto state = kernel->make_state();
            trials.push_back({i, std::move(kernel), std::move(state)});
        }
    }
    if (trials.empty()) return result;
    const std::size_t bytes = needed_bytes(context, trials);
    std::byte* memory = reserve(bytes);
    std::vector<std::byte> content(bench_.on_device() ? bytes : 0);
    const Tensors tensors = place(context, memory, bench_.on_device() ? content.data() : memory);
    if (bench_.on_device()) bench_.put(memory, content.data(), bytes);
    // A device's time is that of many runs already.
    TuneOptions options = options_;
    if (bench_.on_device()) options.least_runs = options.most_runs = 1;
    for (const Trial& trial : trials) result[trial.index] = kNever;
    const Turn turn(options_.lock);
    race(trials, tensors, bench_, fastest, options);
    for (const Trial& trial : trials) {
        Times& times = result[trial.index];
        times.warm = times.cold = median(trial.times);
        cache_->insert(keys[trial.index], times.warm);
        if (!bench_.on_device()) continue;
        times.cold = bench_.time_cold(*trial.kernel, trial.args(tensors), tensors.made);
        cache_->insert(keys[trial.index] + kCold, times.cold);
    }
    return result;
}

}  // namespace fovea::tune
