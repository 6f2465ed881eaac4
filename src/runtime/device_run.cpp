#include "runtime/device_run.hpp"

#include <algorithm>
#include <cstring>

#include "fovea/error.hpp"

namespace fovea::runtime {
namespace {

using Where = Operand::Where;

/// Places that are remembered without a recording.
constexpr std::size_t kSeen = 8;
/// Outputs that callers may hold before further ones are given to them as copies.
constexpr std::size_t kSpareOutputs = 4;

}  // namespace

DeviceRun::DeviceRun(const backend::Device& device, const plan::TargetSection& target, std::size_t cached_graphs)
    : device_(device),
      target_(target),
      cached_graphs_(std::max<std::size_t>(cached_graphs, 1)),
      launching_(target.launching),
      inputs_(target.inputs.size()),
      outputs_(target.outputs.size()),
      input_staging_(target.inputs.size()),
      output_staging_(target.outputs.size()),
      spare_outputs_(target.outputs.size()),
      stream_(device.make_stream()) {}

DeviceRun::~DeviceRun() {
    try {
        settle();
    } catch (const Error&) {  // nobody is left whom it concerns
    }
}

// A queue of the caller's may be gone: only its mark is used.
void DeviceRun::settle() {
    if (!pending_) return;
    pending_ = false;
    if (last_ == stream_.get())
        stream_->synchronize();
    else
        last_->await(kDone);
}

std::byte* DeviceRun::place(const Operand& operand) const {
    if (operand.where == Where::arena) return arena_.memory.get() + operand.offset;
    if (operand.where == Where::input) return graph_->places.inputs[operand.index] + operand.offset;
    if (operand.where == Where::output) return graph_->places.outputs[operand.index] + operand.offset;
    return nullptr;
}

bool DeviceRun::runs(std::size_t i) const { return !program_->launches[i].step->tactic.alias; }

/// Whether the memory is another one now. Recordings know the old one.
bool DeviceRun::grow(Block& block, std::size_t bytes) {
    if (block.memory && bytes <= block.bytes) return false;
    settle();
    graphs_.clear();
    graph_ = nullptr;
    block = {};
    block = {device_.allocate(bytes), bytes};
    return true;
}

void DeviceRun::grow_pinned(Block& block, std::size_t bytes) {
    if (block.memory && bytes <= block.bytes) return;
    settle();
    block = {};
    block = {device_.allocate_host(bytes), bytes};
}

void DeviceRun::prepare(std::shared_ptr<const Program> program) {
    program_ = std::move(program);
    graph_ = nullptr;
    grow(arena_, program_->arena_bytes);
    grow(scratch_, program_->scratch_bytes);
    if (program_->counts) {
        grow(counts_, program_->counts * sizeof(std::int64_t));
        grow_pinned(counts_host_, program_->counts * sizeof(std::int64_t));
    }
    input_bytes_.clear();
    for (const std::int32_t slot : target_.inputs)
        input_bytes_.push_back(slot < 0 ? 0 : slot_desc(target_, program_->values, slot).bytes());
    output_bytes_.clear();
    for (std::size_t i = 0; i < program_->outputs.size(); ++i)
        output_bytes_.push_back(on_device(program_->outputs[i]) && !counted(i) ? program_->output_descs[i].bytes() : 0);
    wanted_ = {std::vector<std::byte*>(inputs_.size()), std::vector<std::byte*>(outputs_.size())};
    own_ = wanted_;
}

DeviceRun::Graph* DeviceRun::find(const Places& places) {
    const auto at = std::find_if(graphs_.begin(), graphs_.end(), [&](const Graph& graph) {
        return graph.program == program_ && graph.places == places;
    });
    if (at == graphs_.end()) return nullptr;
    graphs_.splice(graphs_.begin(), graphs_, at);
    return &graphs_.front();
}

/// Memory of this context for what the program reads from and writes to.
void DeviceRun::own_places() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (input_bytes_[i]) grow(inputs_[i], input_bytes_[i]);
        own_.inputs[i] = input_bytes_[i] ? inputs_[i].memory.get() : nullptr;
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        const Operand& output = program_->outputs[i];
        const bool own = output.where == Where::output && output.index == i && output_bytes_[i];
        if (own) grow(outputs_[i], output_bytes_[i]);
        own_.outputs[i] = own ? outputs_[i].memory.get() : nullptr;
    }
}

/// The graph whose tensors lie where they are bound, or else one whose inputs and outputs are copied.
void DeviceRun::choose_graph(const std::vector<Binding>& inputs, const std::vector<Binding>& outputs) {
    const bool all_bound = [&] {
        for (std::size_t i = 0; i < inputs.size(); ++i)
            if (input_bytes_[i] && !inputs[i].on_device()) return false;
        for (std::size_t i = 0; i < outputs.size(); ++i)
            if (output_bytes_[i] && !outputs[i].on_device()) return false;
        return true;
    }();
    if (!all_bound) own_places();
    for (std::size_t i = 0; i < inputs.size(); ++i)
        wanted_.inputs[i] = !input_bytes_[i] ? nullptr : inputs[i].on_device() ? inputs[i].data : own_.inputs[i];
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const Operand& output = program_->outputs[i];
        const bool own = output.where == Where::output && output.index == i && output_bytes_[i];
        wanted_.outputs[i] = !own ? nullptr : outputs[i].on_device() ? outputs[i].data : own_.outputs[i];
    }
    if (graph_ && graph_->program == program_ && graph_->places == wanted_) return;
    if ((graph_ = find(wanted_))) return;
    const auto again = std::find_if(seen_.begin(), seen_.end(), [&](const auto& one) {
        return one.first == program_.get() && one.second == wanted_;
    });
    const bool known =
        std::any_of(graphs_.begin(), graphs_.end(), [&](const Graph& graph) { return graph.program == program_; });
    if (again != seen_.end() || !known) {
        if (again != seen_.end()) seen_.erase(again);
        return add_graph(wanted_);
    }
    own_places();
    if (wanted_ != own_) {
        seen_.emplace_front(program_.get(), wanted_);
        if (seen_.size() > kSeen) seen_.pop_back();
    }
    if (!(graph_ = find(own_))) add_graph(own_);
}

/// Memory for input `k` of a step on the device where these shapes make its content known: kernels have packed the
/// graph's own constants, but not this.
std::byte* DeviceRun::upload_known(const Launch& launch, std::size_t k) {
    const std::int32_t slot = launch.step->inputs[k];
    if (launch.on_host || slot < 0 || launch.inputs[k].where != Where::constant) return nullptr;
    const auto desc = slot_desc(target_, program_->values, slot);
    std::vector<std::byte> content(desc.bytes());
    backend::convert(backend::TensorDesc::dense(desc.dtype, desc.shape, backend::Layout::plain), launch.inputs[k].data,
                     desc, content.data());
    graph_->known.push_back(device_.allocate(content.size()));
    stream_->upload(graph_->known.back().get(), content.data(), content.size());
    stream_->synchronize();
    return graph_->known.back().get();
}

void DeviceRun::add_graph(Places places) {
    if (graphs_.size() >= cached_graphs_) settle();
    while (graphs_.size() >= cached_graphs_) graphs_.pop_back();
    graphs_.push_front({program_, std::move(places), {}, {}, {}, false});
    graph_ = &graphs_.front();
    try {
        complete_graph();
    } catch (...) {
        graphs_.pop_front();
        graph_ = nullptr;
        throw;
    }
}

void DeviceRun::complete_graph() {
    for (const Launch& launch : program_->launches) {
        Pointers pointers;
        for (std::size_t k = 0; k < launch.inputs.size(); ++k) {
            std::byte* known = upload_known(launch, k);
            pointers.inputs.push_back(known ? known : place(launch.inputs[k]));
        }
        for (const Operand& operand : launch.outputs) pointers.outputs.push_back(place(operand));
        if (launch.kernel) pointers.state = launch.kernel->make_state();
        graph_->pointers.push_back(std::move(pointers));
    }
    bool joins = false;
    for (std::size_t i = 0; i < program_->launches.size(); ++i) {
        if (program_->launches[i].on_host) joins = false;
        if (program_->launches[i].on_host || !runs(i)) continue;
        if (!joins) graph_->segments.push_back({i, i, nullptr});
        graph_->segments.back().last = i + 1;
        joins = true;
    }
}

backend::KernelArgs DeviceRun::arguments(std::size_t i, backend::Stream& stream) {
    const Pointers& pointers = graph_->pointers[i];
    return {pointers.inputs.data(),
            pointers.outputs.data(),
            scratch_.memory.get(),
            pointers.state.get(),
            &stream,
            reinterpret_cast<std::int64_t*>(counts_.memory.get())};
}

void DeviceRun::bring_inputs(backend::Stream& stream, const std::vector<Binding>& inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const std::size_t bytes = input_bytes_[i];
        std::byte* place = graph_->places.inputs[i];
        if (!bytes || inputs[i].data == place) continue;
        if (inputs[i].on_device()) {
            stream.copy(place, inputs[i].data, bytes);
        } else if (inputs[i].kind == backend::MemoryKind::pinned) {
            stream.upload(place, inputs[i].data, bytes);
        } else {
            settle();  // the last run may still read the staging memory
            grow_pinned(input_staging_[i], bytes);
            HostCopies::upload(stream, place, inputs[i].data, input_staging_[i].memory.get(), bytes);
        }
    }
}

void DeviceRun::deliver_outputs(backend::Stream& stream, const std::vector<Binding>& outputs) {
    for (std::size_t i = 0; i < program_->outputs.size(); ++i) {
        const std::size_t bytes = output_bytes_[i];
        const std::byte* source = bytes ? place(program_->outputs[i]) : nullptr;
        std::byte* target = outputs[i].data;
        if (!bytes || source == target) continue;
        if (outputs[i].on_device()) {
            stream.copy(target, source, bytes);
        } else if (target && outputs[i].kind == backend::MemoryKind::pinned) {
            stream.download(target, source, bytes);
        } else if (target || !keep_outputs_) {
            grow_pinned(output_staging_[i], bytes);
            if (target)
                copies_.download(stream, target, source, output_staging_[i].memory.get(), bytes);
            else
                stream.download(output_staging_[i].memory.get(), source, bytes);
        }
    }
    enqueue_counted_outputs(stream);
}

void DeviceRun::execute(backend::Stream& stream, const std::vector<Binding>& inputs,
                        const std::vector<Binding>& outputs, const HostStep& host_step) {
    if (last_ && last_ != &stream) stream.wait_for(*last_, kDone);
    choose_graph(inputs, outputs);
    if (!graph_->recorded) record();
    bring_inputs(stream, inputs);
    last_ = &stream;
    pending_ = true;
    std::size_t segment = 0;
    for (std::size_t i = 0; i < program_->launches.size(); ++i) {
        if (program_->launches[i].on_host && runs(i)) run_on_host(i, stream, host_step);
        if (segment < graph_->segments.size() && graph_->segments[segment].first == i) {
            stream.replay(*graph_->segments[segment++].recording);
            counts_read_ = false;
        }
    }
    deliver_outputs(stream, outputs);
    stream.mark(kDone);
}

void DeviceRun::run(const std::vector<Binding>& inputs, const std::vector<Binding>& outputs,
                    const HostStep& host_step) {
    copies_.clear();
    execute(*stream_, inputs, outputs, host_step);
    copies_.finish(*stream_);
    stream_->synchronize();
    finish_counted_outputs(*stream_);
    pending_ = false;
}

void DeviceRun::enqueue(void* queue, const std::vector<Binding>& inputs, const std::vector<Binding>& outputs,
                        const HostStep& host_step) {
    copies_.clear();
    if (!queue_ || queue != queue_handle_) {
        auto adopted = device_.adopt_stream(queue);
        if (last_ && last_ == queue_.get()) {
            adopted->wait_for(*queue_, kDone);
            adopted->mark(kDone);
            last_ = adopted.get();
        }
        queue_ = std::move(adopted);
        queue_handle_ = queue;
    }
    execute(*queue_, inputs, outputs, host_step);
    copies_.finish(*queue_);
    finish_counted_outputs(*queue_);
}

void DeviceRun::put(std::byte* device, const std::byte* host, std::size_t bytes) {
    last_->upload(device, host, bytes);
    last_->synchronize();
}

std::byte* DeviceRun::device_output(std::size_t i) const { return graph_ ? place(program_->outputs[i]) : nullptr; }

std::shared_ptr<std::byte> DeviceRun::take_output(std::size_t i) {
    Block& staging = output_staging_[i];
    std::vector<Block>& spares = spare_outputs_[i];
    const auto returned = [](const Block& spare) { return spare.memory.use_count() == 1; };
    std::erase_if(spares, [&](const Block& spare) { return returned(spare) && spare.bytes < output_bytes_[i]; });
    if (const auto free = std::find_if(spares.begin(), spares.end(), returned); free != spares.end()) {
        std::swap(staging, *free);
        return free->memory;
    }
    if (spares.size() < kSpareOutputs) {
        spares.push_back(staging);
        staging = {};
        grow_pinned(staging, spares.back().bytes);
        return spares.back().memory;
    }
    Memory copy = backend::PackedConstants::allocate(output_bytes_[i]);
    std::memcpy(copy.get(), staging.memory.get(), output_bytes_[i]);
    return copy;
}

void DeviceRun::replay() {
    if (!graph_) return;
    for (const Segment& segment : graph_->segments)
        if (segment.recording) stream_->replay(*segment.recording);
}

std::size_t DeviceRun::recorded_launches() const {
    std::size_t count = 0;
    if (graph_)
        for (const Segment& segment : graph_->segments) count += segment.recording ? segment.recording->size() : 0;
    return count;
}

}  // namespace fovea::runtime
