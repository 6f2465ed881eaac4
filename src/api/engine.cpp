#include "fovea/engine.hpp"

#include "api/backends.hpp"
#include "runtime/engine.hpp"

namespace fovea {
namespace {

std::vector<std::int64_t> sizes_of(const ir::Value& value) {
    std::vector<std::int64_t> sizes;
    if (value.dims)
        for (const ir::Dim& dim : *value.dims) sizes.push_back(dim.value);
    return sizes;
}

std::shared_ptr<const runtime::Engine> make_engine(plan::Plan plan, int threads, const std::string& device) {
    auto backends = api::backends_for(plan, device);
    return std::make_shared<const runtime::Engine>(std::move(plan), std::move(backends),
                                                   runtime::EngineOptions{.threads = threads, .device = device});
}

}  // namespace

Engine::Engine(const std::filesystem::path& plan, int threads, const std::string& device) {
    auto content = plan::load(plan);
    try {
        content_ = make_engine(std::move(content), threads, device);
    } catch (Error& error) {
        throw error.in(plan.string());
    }
    describe();
}

Engine::Engine(const Plan& plan, int threads, const std::string& device)
    : content_(make_engine(*plan.content(), threads, device)) {
    describe();
}

void Engine::describe() {
    const ir::Graph& graph = content_->plan().graph;
    for (const ir::ValueId id : graph.inputs) {
        const ir::Value& value = graph.value(id);
        inputs_.push_back({value.name, value.dtype, sizes_of(value)});
    }
    for (const ir::Output& output : graph.outputs) {
        const ir::Value& value = graph.value(output.value);
        outputs_.push_back({output.name, value.dtype, sizes_of(value)});
    }
}

Context Engine::make_context() const { return Context(content_); }

Context::Context(std::shared_ptr<const runtime::Engine> engine)
    : content_(std::make_unique<runtime::Context>(std::move(engine))) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

void Context::bind(std::string_view input, const TensorView& tensor) {
    const ir::Graph& graph = content_->engine().plan().graph;
    for (std::size_t i = 0; i < graph.inputs.size(); ++i)
        if (graph.value(graph.inputs[i]).name == input)
            return content_->bind_input(i, tensor.dtype, tensor.shape, tensor.data, tensor.on_device);
    std::string names;
    for (const ir::ValueId id : graph.inputs) names += (names.empty() ? "" : ", ") + graph.value(id).name;
    throw Error(ErrorCode::invalid_argument,
                "the plan has no input \"" + std::string(input) + "\"; its inputs are: " + names);
}

void Context::run() { content_->run(); }

TensorView Context::output(std::string_view name) const {
    const ir::Graph& graph = content_->engine().plan().graph;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        if (graph.outputs[i].name != name) continue;
        Tensor tensor = content_->output(i);
        return {tensor.dtype(), tensor.shape(), tensor.raw()};
    }
    std::string names;
    for (const ir::Output& output : graph.outputs) names += (names.empty() ? "" : ", ") + output.name;
    throw Error(ErrorCode::invalid_argument,
                "the plan has no output \"" + std::string(name) + "\"; its outputs are: " + names);
}

}  // namespace fovea
