#include "fovea/builder.hpp"

#include <future>
#include <variant>

#include "api/backends.hpp"
#include "api/describe.hpp"
#include "compiler/build.hpp"
#include "onnx/import.hpp"

namespace fovea {

Plan Plan::load(const std::filesystem::path& path) {
    return Plan(std::make_shared<const plan::Plan>(plan::load(path)));
}

void Plan::save(const std::filesystem::path& path) const { plan::save(*content_, path); }

std::string Plan::to_json() const { return api::describe(*content_); }

struct Builder::State {
    std::variant<std::filesystem::path, std::vector<std::byte>> model;
    std::string name;
    onnx::ImportOptions import;
    compiler::BuildOptions options;
    std::vector<std::filesystem::path> timing_caches;
    bool typed = false;  ///< a precision was asked for
    std::string device = "cpu";
    bool tf32 = false;
    std::string report;

    [[nodiscard]] bool of_plan() const {
        const auto* path = std::get_if<std::filesystem::path>(&model);
        return path && plan::is_plan(*path);
    }

    [[nodiscard]] std::variant<ir::Graph, plan::Plan> read() const {
        if (const auto* path = std::get_if<std::filesystem::path>(&model)) {
            if (of_plan()) return read_plan(*path);
            return onnx::import_model(*path, import);
        }
        const auto& bytes = std::get<std::vector<std::byte>>(model);
        return onnx::import_model_bytes({nullptr, bytes}, import, name);
    }

    /// Types and shapes stand in the plan; asking for others is refused rather than ignored.
    [[nodiscard]] plan::Plan read_plan(const std::filesystem::path& path) const {
        if (typed || tf32 || !options.profile.empty() || !options.pins.empty() || !options.disabled_passes.empty() ||
            !options.contract.empty())
            throw Error(ErrorCode::invalid_argument,
                        "a plan keeps its precision, shapes, pins, passes and contract › build it from the model again")
                .in(path.string());
        return plan::load(path);
    }
};

Builder::Builder(std::filesystem::path model) : state_(std::make_unique<State>()) { state_->model = std::move(model); }

Builder::Builder(std::vector<std::byte> model, std::string name) : state_(std::make_unique<State>()) {
    state_->model = std::move(model);
    state_->name = std::move(name);
}

Builder::~Builder() = default;
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(Builder&&) noexcept = default;

Builder& Builder::precision(DType type) {
    state_->options.precision = type;
    state_->typed = true;
    return *this;
}

Builder& Builder::shape(const std::string& input, std::vector<std::int64_t> sizes) {
    return profile(input, sizes, sizes, sizes);
}

Builder& Builder::profile(const std::string& input, std::vector<std::int64_t> min, std::vector<std::int64_t> opt,
                          std::vector<std::int64_t> max) {
    ir::Dims dims;
    for (std::size_t i = 0; i < opt.size(); ++i) {
        const bool fixed = i < min.size() && i < max.size() && min[i] == max[i];
        dims.push_back(fixed ? ir::Dim(opt[i]) : ir::Dim(input + "." + std::to_string(i)));
    }
    state_->import.shapes[input] = std::move(dims);
    state_->options.profile[input] = {std::move(min), std::move(opt), std::move(max)};
    return *this;
}

Builder& Builder::threads(int count) {
    state_->options.threads = count;
    return *this;
}

Builder& Builder::gate(Gate mode) {
    state_->options.gate = static_cast<compiler::GateMode>(mode);
    return *this;
}

Builder& Builder::tune(bool on) {
    state_->options.tune = on;
    return *this;
}

Builder& Builder::fuse(bool on) {
    state_->options.fuse = on;
    return *this;
}

Builder& Builder::disable_pass(const std::string& name) {
    state_->options.disabled_passes.insert(name);
    return *this;
}

Builder& Builder::pin(const std::string& node, DType type) {
    state_->options.pins[node] = type;
    return *this;
}

Builder& Builder::contract(std::string json) {
    state_->options.contract = std::move(json);
    return *this;
}

Builder& Builder::timing_lock(std::filesystem::path file) {
    state_->options.timing_lock = std::move(file);
    return *this;
}

Builder& Builder::timing_cache(std::filesystem::path file) {
    state_->timing_caches.push_back(std::move(file));
    return *this;
}

Builder& Builder::target(std::string device) {
    state_->device = std::move(device);
    return *this;
}

Builder& Builder::tf32(bool on) {
    state_->tf32 = on;
    return *this;
}

Builder& Builder::progress(std::function<void(std::string_view, double)> callback) {
    state_->options.progress = std::move(callback);
    return *this;
}

Plan Builder::build() {
    if (state_->options.progress) state_->options.progress("import", 0);
    bool tf32 = state_->tf32;
    // To open a GPU takes as long as to read a large model; whether products are rounded stands in a plan.
    auto opening = std::async(state_->of_plan() ? std::launch::deferred : std::launch::async,
                              [&] { return api::backends_for(state_->device, tf32); });
    auto source = state_->read();
    if (const auto* given = std::get_if<plan::Plan>(&source)) tf32 = api::rounds_to_tf32(*given);
    tune::TimingCache cache;
    for (const auto& file : state_->timing_caches) cache.load(file);
    state_->options.timing_cache = &cache;
    compiler::BuildReport report;
    const runtime::Backends backends = opening.get();
    if (state_->tf32 && !backends.front()->tf32())
        throw Error(ErrorCode::unsupported, "the precision tf32 is not offered by " + state_->device +
                                                ": only GPUs have it; use fp32, or --target cuda:0");
    const auto save = [&] {
        if (!state_->timing_caches.empty()) cache.save(state_->timing_caches.front());
    };
    plan::Plan plan;
    try {
        plan = std::holds_alternative<plan::Plan>(source)
                   ? compiler::retarget(std::move(std::get<plan::Plan>(source)), backends, state_->options, &report)
                   : compiler::build(std::move(std::get<ir::Graph>(source)), backends, state_->options, &report);
    } catch (const Error&) {
        save();  // what was measured holds, whatever the gate says of the plan
        throw;
    }
    save();
    state_->report = api::describe(report, plan);
    return Plan(std::make_shared<const plan::Plan>(std::move(plan)));
}

const std::string& Builder::report() const { return state_->report; }

}  // namespace fovea
