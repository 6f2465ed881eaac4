#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "fovea/error.hpp"
#include "ops/counted.hpp"
#include "ops/evaluate.hpp"
#include "runtime/engine.hpp"

namespace fovea::runtime {
namespace {

/// The number of OpenMP threads of the calling thread, for the time of a run.
class ThreadCount {
  public:
    explicit ThreadCount(int threads) : before_(omp_get_max_threads()) {
        if (threads != before_) omp_set_num_threads(threads);
    }
    ~ThreadCount() {
        if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
    }
    ThreadCount(const ThreadCount&) = delete;
    ThreadCount& operator=(const ThreadCount&) = delete;

  private:
    int before_;
};

}  // namespace

Context::Context(std::shared_ptr<const Engine> engine)
    : engine_(std::move(engine)),
      bindings_(engine_->plan().graph.inputs.size()),
      output_bindings_(engine_->plan().graph.outputs.size()),
      output_types_(output_bindings_.size()) {
    if (engine_->device())
        device_ = std::make_unique<DeviceRun>(*engine_->device(), engine_->target(), engine_->cached_graphs());
}

/// Throws `invalid_argument` for memory that is not where it is said to be.
backend::MemoryKind Context::kind_of(const void* data, bool on_device) const {
    using backend::MemoryKind;
    if (!data)
        throw Error(ErrorCode::invalid_argument,
                    "the memory is a null pointer; give the address of the input's elements");
    if (!device_ && on_device)
        throw Error(ErrorCode::invalid_argument,
                    "the plan runs on the CPU and takes host memory only; copy it to the host, or run on the GPU with "
                    "a section of the plan for it (`fovea build PLAN --target cuda:0`)");
    const MemoryKind kind = device_ ? engine_->device()->kind_of(data) : MemoryKind::pageable;
    if (kind == MemoryKind::foreign)
        throw Error(
            ErrorCode::invalid_argument,
            "the memory lies on another GPU than the engine runs on; copy it to this GPU or to the host, or make "
            "an engine with that GPU as its target");
    if (on_device && kind != MemoryKind::device)
        throw Error(
            ErrorCode::invalid_argument,
            "the memory is not of the GPU that the engine runs on; allocate it there, or give it as the host's");
    if (!on_device && kind == MemoryKind::device)
        throw Error(ErrorCode::invalid_argument,
                    "the memory lies on the GPU and is given as the host's; say that it is the device's (`on_device`)");
    return kind;
}

void Context::bind_input(std::size_t index, DType dtype, std::span<const std::int64_t> shape, const void* data,
                         bool on_device) {
    const ir::Graph& graph = engine_->plan().graph;
    if (index >= bindings_.size())
        throw Error(ErrorCode::invalid_argument, "the plan has " + std::to_string(bindings_.size()) + " inputs");
    const ir::Value& value = graph.value(graph.inputs[index]);
    if (dtype != value.dtype)
        throw Error(ErrorCode::invalid_argument, "expected type " + std::string(fovea::to_string(value.dtype)) +
                                                     ", found " + std::string(fovea::to_string(dtype)))
            .in("input " + value.name);
    Binding& binding = bindings_[index];
    try {
        binding.kind = kind_of(data, on_device);
    } catch (Error& error) {
        throw error.in("input " + value.name);
    }
    binding.data = static_cast<std::byte*>(const_cast<void*>(data));
    if (!program_ || !std::equal(shape.begin(), shape.end(), binding.shape.begin(), binding.shape.end())) {
        binding.shape.assign(shape.begin(), shape.end());
        shapes_changed_ = true;
    }
}

void Context::bind_output(std::size_t index, DType dtype, std::span<const std::int64_t> shape, void* data,
                          bool on_device) {
    if (index >= output_bindings_.size())
        throw Error(ErrorCode::invalid_argument,
                    "the plan has " + std::to_string(output_bindings_.size()) + " outputs");
    Binding& binding = output_bindings_[index];
    if (!data) {
        binding = {};
        return;
    }
    try {
        binding.kind = kind_of(data, on_device);
    } catch (Error& error) {
        throw error.in("output " + engine_->plan().graph.outputs[index].name);
    }
    binding.data = static_cast<std::byte*>(data);
    binding.shape.assign(shape.begin(), shape.end());
    output_types_[index] = dtype;
}

void Context::check_outputs() const {
    for (std::size_t i = 0; i < output_bindings_.size(); ++i) {
        const Binding& binding = output_bindings_[i];
        if (!binding.data) continue;
        const backend::TensorDesc& desc = program_->output_descs[i];
        if (desc.dtype == output_types_[i] && desc.shape == binding.shape) continue;
        const std::string actual = desc.dtype == DType::undefined
                                       ? "a shape that depends on the data and cannot be bound"
                                       : std::string(to_string(desc.dtype)) + base::to_string(desc.shape);
        throw Error(ErrorCode::invalid_argument, "bound as " + std::string(to_string(output_types_[i])) +
                                                     base::to_string(binding.shape) + ", the output has " + actual)
            .in("output " + engine_->plan().graph.outputs[i].name);
    }
}

void Context::select_program() {
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
        if (!bindings_[i].data)
            throw Error(ErrorCode::invalid_argument, "the input has not been bound")
                .in("input " + engine_->plan().graph.value(engine_->plan().graph.inputs[i]).name);
        shapes.push_back(bindings_[i].shape);
    }
    program_ = engine_->program(shapes);
    prepare();
    shapes_changed_ = false;
}

void Context::prepare() {
    late_.assign(program_->values.size(), Tensor());
    if (device_) return device_->prepare(program_);
    if (program_->arena_bytes > arena_bytes_ || !arena_) {
        arena_ = backend::PackedConstants::allocate(program_->arena_bytes);
        arena_bytes_ = program_->arena_bytes;
    }
    if (program_->scratch_bytes > scratch_bytes_ || !scratch_) {
        scratch_ = backend::PackedConstants::allocate(program_->scratch_bytes);
        scratch_bytes_ = program_->scratch_bytes;
    }
    pointers_.clear();
    const auto place = [&](const Operand& operand) -> std::byte* {
        if (operand.where == Operand::Where::arena) return arena_.get() + operand.offset;
        if (operand.where == Operand::Where::constant) return const_cast<std::byte*>(operand.data);
        return nullptr;
    };
    for (const Launch& launch : program_->launches) {
        Pointers pointers;
        for (const Operand& operand : launch.inputs) pointers.inputs.push_back(place(operand));
        for (const Operand& operand : launch.outputs) pointers.outputs.push_back(place(operand));
        if (launch.kernel) pointers.state = launch.kernel->make_state();
        pointers_.push_back(std::move(pointers));
    }
}

void Context::resolve_inputs() {
    for (std::size_t i = 0; i < program_->launches.size(); ++i) {
        const Launch& launch = program_->launches[i];
        for (std::size_t k = 0; k < launch.inputs.size(); ++k)
            if (launch.inputs[k].where == Operand::Where::input)
                pointers_[i].inputs[k] = bindings_[launch.inputs[k].index].data + launch.inputs[k].offset;
        for (std::size_t k = 0; k < launch.outputs.size(); ++k)  // of alias steps that read a graph input
            if (launch.outputs[k].where == Operand::Where::input)
                pointers_[i].outputs[k] =
                    const_cast<std::byte*>(bindings_[launch.outputs[k].index].data) + launch.outputs[k].offset;
    }
}

void Context::launch(std::size_t i) {
    const Launch& launch = program_->launches[i];
    if (!launch.kernel) return launch_late(launch, pointers_[i].inputs.data());
    if (launch.step->tactic.alias) return;
    launch.kernel->run(
        {pointers_[i].inputs.data(), pointers_[i].outputs.data(), scratch_.get(), pointers_[i].state.get()});
}

void Context::run_host_step(std::size_t i, const backend::KernelArgs& args) {
    const Launch& launch = program_->launches[i];
    if (launch.kernel)
        launch.kernel->run(args);
    else
        launch_late(launch, args.inputs);
}

void Context::run() {
    if (shapes_changed_) select_program();
    check_outputs();
    const ThreadCount threads(engine_->threads());
    if (device_) {
        device_->run(bindings_, output_bindings_,
                     [this](std::size_t i, const backend::KernelArgs& args) { run_host_step(i, args); });
    } else {
        resolve_inputs();
        for (std::size_t i = 0; i < program_->launches.size(); ++i) launch(i);
    }
    deliver_outputs();
}

void Context::enqueue(void* queue) {
    if (!device_) throw Error(ErrorCode::invalid_argument, "the plan runs on the CPU, which has no queues");
    if (shapes_changed_) select_program();
    check_outputs();
    const ThreadCount threads(engine_->threads());
    device_->enqueue(queue, bindings_, output_bindings_,
                     [this](std::size_t i, const backend::KernelArgs& args) { run_host_step(i, args); });
    deliver_outputs();
}

/// Gives outputs whose size the device found the one that they have.
void Context::take_counted() {
    for (std::size_t i = 0; i < output_bindings_.size(); ++i) {
        if (!device_->counted(i)) continue;
        const auto id = static_cast<std::size_t>(engine_->plan().graph.outputs[i].value);
        late_[id] = in_run(program_->values[id], backend::Layout::plain, device_->output(i));
    }
}

/// Copies outputs that did not come from a device to where they are bound.
void Context::deliver_outputs() {
    if (device_) take_counted();
    for (std::size_t i = 0; i < output_bindings_.size(); ++i) {
        const Binding& binding = output_bindings_[i];
        if (!binding.data || (device_ && device_->computes(i))) continue;
        const std::size_t bytes = program_->output_descs[i].bytes();
        if (binding.on_device())
            device_->put(binding.data, output_data(i), bytes);
        else
            std::copy_n(output_data(i), bytes, binding.data);
    }
}

std::string Context::name_of(std::size_t i) const {
    std::string name;
    for (const ir::NodeId id : program_->launches[i].step->region.nodes)
        name += (name.empty() ? "" : ", ") + engine_->plan().graph.node(id).name;
    return name.empty() ? program_->launches[i].step->region.pattern : name;
}

void Context::run(const std::function<void(const Observation&)>& observer, bool tensors) {
    if (shapes_changed_) select_program();
    const ThreadCount threads(engine_->threads());
    if (device_) {
        device_->observe(
            bindings_, [this](std::size_t i, const backend::KernelArgs& args) { run_host_step(i, args); },
            [&](std::size_t i, const backend::KernelArgs& args, double microseconds,
                const backend::KernelArgs* on_device) {
                observer({i, program_->launches[i], args, microseconds, on_device});
            },
            [this](std::size_t i) { return name_of(i); }, tensors);
        return take_counted();
    }
    resolve_inputs();
    for (std::size_t i = 0; i < program_->launches.size(); ++i) {
        const auto start = std::chrono::steady_clock::now();
        launch(i);
        const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - start;
        const backend::KernelArgs args{pointers_[i].inputs.data(), pointers_[i].outputs.data(), scratch_.get(),
                                       pointers_[i].state.get()};
        observer({i, program_->launches[i], args, elapsed.count()});
    }
}

Tensor Context::late_input(const Launch& launch, std::size_t i, ir::ValueId id, const std::byte* data) const {
    const ops::ValueInfo& info = program_->values[static_cast<std::size_t>(id)];
    if (info.constant) return info.constant;
    if (launch.inputs[i].where == Operand::Where::late) return late_[static_cast<std::size_t>(id)];
    const plan::TargetSection& target = engine_->target();
    const backend::TensorDesc desc = slot_desc(target, program_->values, launch.step->inputs[i]);
    if (info.counted) return in_run(info, desc.layout, data);
    Tensor tensor(desc.dtype, desc.shape);
    backend::convert(desc, data, backend::TensorDesc::dense(desc.dtype, desc.shape, backend::Layout::plain),
                     tensor.raw());
    return tensor;
}

/// A tensor of the size that the run found, whose elements lie densely in `data`.
Tensor Context::in_run(const ops::ValueInfo& info, backend::Layout layout, const std::byte* data) const {
    Tensor tensor(info.dtype, ops::shape_in_run(info, device_->counts()));
    const auto desc = backend::TensorDesc::dense(info.dtype, tensor.shape(), layout);
    backend::convert(desc, data, backend::TensorDesc::dense(info.dtype, tensor.shape(), backend::Layout::plain),
                     tensor.raw());
    return tensor;
}

void Context::launch_late(const Launch& launch, const std::byte* const* data) {
    const ir::Graph& graph = engine_->plan().graph;
    const backend::Region& region = launch.step->region;
    for (std::size_t i = 0; i < region.inputs.size(); ++i)
        if (launch.inputs[i].where != Operand::Where::late)
            late_[static_cast<std::size_t>(region.inputs[i])] = late_input(launch, i, region.inputs[i], data[i]);
    if (region.nodes.empty()) return;  // a change of layout: late tensors are plain
    for (const ir::NodeId id : region.nodes) {
        const ir::Node& node = graph.node(id);
        std::vector<Tensor> inputs;
        for (const ir::ValueId input : node.inputs)
            inputs.push_back(input == ir::kNone ? Tensor() : late_[static_cast<std::size_t>(input)]);
        auto results = ops::evaluate(node, std::move(inputs));
        for (std::size_t i = 0; i < node.outputs.size() && i < results.size(); ++i)
            if (node.outputs[i] != ir::kNone) late_[static_cast<std::size_t>(node.outputs[i])] = std::move(results[i]);
    }
}

Tensor Context::output(std::size_t index) const {
    if (!program_ || index >= program_->outputs.size())
        throw Error(ErrorCode::invalid_argument, "there is no such output, or nothing has been run yet");
    const Binding& binding = output_bindings_[index];
    if (!binding.data) return computed_output(index);
    return Tensor(output_types_[index], binding.shape, binding.data, nullptr);
}

bool Context::output_on_device(std::size_t index) const {
    if (output_bindings_[index].data) return output_bindings_[index].on_device();
    return device_ && device_->keeps_outputs() && device_->computes(index);
}

Tensor Context::take_output(std::size_t index) {
    if (output_on_device(index)) throw Error(ErrorCode::invalid_argument, "the output lies on the GPU");
    Tensor result = output(index);
    if (output_bindings_[index].data || !device_ || !device_->computes(index)) return result.clone();
    const auto memory = device_->take_output(index);
    return Tensor(result.dtype(), result.shape(), memory.get(), memory);
}

/// Where an output of known shape was left.
const std::byte* Context::output_data(std::size_t index) const {
    const Operand& operand = program_->outputs[index];
    if (operand.where == Operand::Where::constant) return operand.data;
    if (device_) return output_on_device(index) ? device_->device_output(index) : device_->output(index);
    return operand.where == Operand::Where::input ? bindings_[operand.index].data : arena_.get() + operand.offset;
}

Tensor Context::computed_output(std::size_t index) const {
    const Operand& operand = program_->outputs[index];
    if (operand.where == Operand::Where::late || (device_ && device_->counted(index)))
        return late_[static_cast<std::size_t>(engine_->plan().graph.outputs[index].value)];
    const backend::TensorDesc& desc = program_->output_descs[index];
    return Tensor(desc.dtype, desc.shape, const_cast<std::byte*>(output_data(index)), arena_);
}

}  // namespace fovea::runtime
