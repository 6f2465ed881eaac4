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
    // A plan for GPUs does not go to the processor because this GPU is another one.
    const bool on_gpu = device.empty() && backends.front()->device();
    return std::make_shared<const runtime::Engine>(
        std::move(plan), std::move(backends),
        runtime::EngineOptions{.threads = threads, .device = on_gpu ? "cuda:0" : device});
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

std::shared_ptr<void> Engine::allocate_host(std::size_t bytes) const {
    const backend::Device* device = content_->device();
    return device ? device->allocate_host(bytes) : backend::PackedConstants::allocate(bytes);
}

int Engine::device() const { return content_->device() ? content_->device()->number() : -1; }

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

void Context::bind_output(std::string_view output, const TensorView& tensor) {
    content_->bind_output(output_index(output), tensor.dtype, tensor.shape, tensor.data, tensor.on_device);
}

void Context::keep_outputs_on_device(bool keep) {
    if (content_->device()) content_->device()->keep_outputs(keep);
}

void Context::run() { content_->run(); }

void Context::enqueue(void* stream) { content_->enqueue(stream); }

void Context::synchronize() {
    if (content_->device()) content_->device()->settle();
}

std::size_t Context::output_index(std::string_view name) const {
    const auto& outputs = content_->engine().plan().graph.outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i)
        if (outputs[i].name == name) return i;
    std::string names;
    for (const ir::Output& output : outputs) names += (names.empty() ? "" : ", ") + output.name;
    throw Error(ErrorCode::invalid_argument,
                "the plan has no output \"" + std::string(name) + "\"; its outputs are: " + names);
}

TensorView Context::output(std::string_view name) const {
    const std::size_t index = output_index(name);
    Tensor tensor = content_->output(index);
    return {tensor.dtype(), tensor.shape(), tensor.raw(), content_->output_on_device(index)};
}

}  // namespace fovea
