#include "runtime/device_run.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "backend/instruments.hpp"
#include "fovea/error.hpp"

namespace fovea::runtime {
namespace {

using Where = Operand::Where;

bool on_device(const Operand& operand) { return operand.where == Where::arena || operand.where == Where::input; }

}  // namespace

DeviceRun::DeviceRun(const backend::Device& device, const plan::TargetSection& target)
    : device_(device), target_(target), stream_(device.make_stream()) {}

std::byte* DeviceRun::place(const Operand& operand) const {
    if (operand.where == Where::arena) return arena_.get() + operand.offset;
    if (operand.where == Where::input) return const_cast<std::byte*>(input_places_[operand.index]) + operand.offset;
    return nullptr;
}

bool DeviceRun::runs(std::size_t i) const { return !program_->launches[i].step->tactic.alias; }

void DeviceRun::prepare(const Program& program) {
    program_ = &program;
    segments_.clear();
    if (program.arena_bytes > arena_bytes_ || !arena_) {
        arena_.reset();
        arena_ = device_.allocate(program.arena_bytes);
        arena_bytes_ = program.arena_bytes;
    }
    if (program.scratch_bytes > scratch_bytes_ || !scratch_) {
        scratch_.reset();
        scratch_ = device_.allocate(program.scratch_bytes);
        scratch_bytes_ = program.scratch_bytes;
    }
    input_memory_.assign(program.input_shapes.size(), nullptr);
    input_staging_ = input_memory_;
    input_places_.assign(program.input_shapes.size(), nullptr);
    input_bytes_.clear();
    for (std::size_t i = 0; i < program.input_shapes.size(); ++i)
        input_bytes_.push_back(target_.inputs[i] < 0 ? 0
                                                     : slot_desc(target_, program.values, target_.inputs[i]).bytes());
    output_staging_.clear();
    output_bytes_.clear();
    for (std::size_t i = 0; i < program.outputs.size(); ++i) {
        output_bytes_.push_back(on_device(program.outputs[i]) ? program.output_descs[i].bytes() : 0);
        output_staging_.push_back(output_bytes_[i] ? device_.allocate_host(output_bytes_[i]) : nullptr);
    }
    pointers_.clear();
    for (const Launch& launch : program.launches) {
        Pointers pointers;
        pointers.inputs.resize(launch.inputs.size());
        pointers.outputs.resize(launch.outputs.size());
        if (launch.kernel) pointers.state = launch.kernel->make_state();
        pointers_.push_back(std::move(pointers));
    }
    for (std::size_t i = 0; i < program.launches.size(); ++i) {
        if (program.launches[i].on_host || !runs(i)) continue;
        const bool joins = !segments_.empty() &&
                           std::none_of(program.launches.begin() + static_cast<std::ptrdiff_t>(segments_.back().first),
                                        program.launches.begin() + static_cast<std::ptrdiff_t>(i),
                                        [](const Launch& launch) { return launch.on_host; });
        if (!joins) segments_.push_back({i, i, nullptr});
        segments_.back().last = i + 1;
    }
    recorded_ = false;
}

void DeviceRun::upload_inputs(const std::vector<Binding>& inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const std::byte* before = input_places_[i];
        if (inputs[i].on_device) {
            input_places_[i] = inputs[i].data;
        } else if (input_bytes_[i]) {
            if (!input_memory_[i]) {
                input_memory_[i] = device_.allocate(input_bytes_[i]);
                input_staging_[i] = device_.allocate_host(input_bytes_[i]);
            }
            input_places_[i] = input_memory_[i].get();
            std::memcpy(input_staging_[i].get(), inputs[i].data, input_bytes_[i]);
            stream_->upload(input_memory_[i].get(), input_staging_[i].get(), input_bytes_[i]);
        }
        if (input_places_[i] != before) recorded_ = false;
    }
    if (!recorded_) resolve();
}

void DeviceRun::resolve() {
    for (std::size_t i = 0; i < pointers_.size(); ++i) {
        const Launch& launch = program_->launches[i];
        for (std::size_t k = 0; k < launch.inputs.size(); ++k) pointers_[i].inputs[k] = place(launch.inputs[k]);
        for (std::size_t k = 0; k < launch.outputs.size(); ++k) pointers_[i].outputs[k] = place(launch.outputs[k]);
    }
}

backend::KernelArgs DeviceRun::arguments(std::size_t i) {
    return {pointers_[i].inputs.data(), pointers_[i].outputs.data(), scratch_.get(), pointers_[i].state.get(),
            stream_.get()};
}

void DeviceRun::record() {
    for (Segment& segment : segments_)
        segment.recording = stream_->record([&] {
            for (std::size_t i = segment.first; i < segment.last; ++i)
                if (runs(i)) program_->launches[i].kernel->run(arguments(i));
        });
    recorded_ = true;
}

DeviceRun::Mirror DeviceRun::mirror(std::size_t i, bool with_outputs) {
    const Launch& launch = program_->launches[i];
    Mirror mirror;
    const auto copy = [&](const Operand& operand, std::int32_t slot, bool download) -> std::byte* {
        if (operand.where == Where::constant) return const_cast<std::byte*>(operand.data);
        if (!on_device(operand)) return nullptr;
        const std::size_t bytes = slot_desc(target_, program_->values, slot).bytes();
        mirror.memory.push_back(device_.allocate_host(bytes));
        if (download) stream_->download(mirror.memory.back().get(), place(operand), bytes);
        return mirror.memory.back().get();
    };
    for (std::size_t k = 0; k < launch.inputs.size(); ++k)
        mirror.inputs.push_back(copy(launch.inputs[k], launch.step->inputs[k], true));
    for (std::size_t k = 0; k < launch.outputs.size(); ++k)
        mirror.outputs.push_back(copy(launch.outputs[k], launch.step->outputs[k], with_outputs));
    stream_->synchronize();
    return mirror;
}

void DeviceRun::run_on_host(std::size_t i, const HostStep& host_step) {
    const Launch& launch = program_->launches[i];
    const Mirror tensors = mirror(i, false);
    std::vector<std::byte> workspace(launch.kernel ? launch.kernel->workspace_bytes() : 0);
    host_step(i, {tensors.inputs.data(), tensors.outputs.data(), workspace.data(), pointers_[i].state.get()});
    for (std::size_t k = 0; k < launch.outputs.size(); ++k)
        if (on_device(launch.outputs[k]))
            stream_->upload(place(launch.outputs[k]), tensors.outputs[k],
                            slot_desc(target_, program_->values, launch.step->outputs[k]).bytes());
    stream_->synchronize();
}

void DeviceRun::download_outputs() {
    for (std::size_t i = 0; i < program_->outputs.size(); ++i)
        if (output_bytes_[i])
            stream_->download(output_staging_[i].get(), place(program_->outputs[i]), output_bytes_[i]);
}

void DeviceRun::run(const std::vector<Binding>& inputs, const HostStep& host_step) {
    upload_inputs(inputs);
    if (!recorded_) record();
    std::size_t next = 0;
    const auto host_steps_before = [&](std::size_t end) {
        for (; next < end; ++next)
            if (program_->launches[next].on_host && runs(next)) run_on_host(next, host_step);
    };
    for (const Segment& segment : segments_) {
        host_steps_before(segment.first);
        stream_->replay(*segment.recording);
        next = segment.last;
    }
    host_steps_before(program_->launches.size());
    if (!keep_outputs_) download_outputs();
    stream_->synchronize();
}

void DeviceRun::observe(const std::vector<Binding>& inputs, const HostStep& host_step, const Observer& observer,
                        const std::function<std::string(std::size_t i)>& name, bool tensors) {
    using Clock = std::chrono::steady_clock;
    const backend::Instruments* instruments = device_.instruments();
    upload_inputs(inputs);
    for (std::size_t i = 0; i < program_->launches.size(); ++i) {
        const Launch& launch = program_->launches[i];
        double microseconds = 0;
        if (launch.on_host && runs(i)) {
            const auto start = Clock::now();
            run_on_host(i, host_step);
            microseconds = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
        } else if (runs(i)) {
            if (instruments) instruments->begin_range(name(i));
            launch.kernel->run(arguments(i));
            if (instruments) instruments->end_range();
            stream_->synchronize();
            microseconds = backend::time_calls(*stream_, [&] { launch.kernel->run(arguments(i)); });
        }
        const Mirror seen = tensors ? mirror(i, true) : Mirror();
        observer(i, {seen.inputs.data(), seen.outputs.data(), nullptr, pointers_[i].state.get()}, microseconds);
    }
    download_outputs();
    stream_->synchronize();
}

std::byte* DeviceRun::device_output(std::size_t i) const { return place(program_->outputs[i]); }

void DeviceRun::replay() {
    for (const Segment& segment : segments_)
        if (segment.recording) stream_->replay(*segment.recording);
}

std::size_t DeviceRun::recorded_launches() const {
    std::size_t count = 0;
    for (const Segment& segment : segments_) count += segment.recording ? segment.recording->size() : 0;
    return count;
}

}  // namespace fovea::runtime
