#include <chrono>

#include "backend/instruments.hpp"
#include "runtime/device_run.hpp"

// Steps of a device's program that are not replayed: those on the host, and all of them under observation.
namespace fovea::runtime {

/// Copies of launch `i`'s tensors, in `mirror_` until the next call; of counted ones what is filled, where the step has
/// no kernel and works on tensors of the sizes that the run found.
void DeviceRun::mirror(std::size_t i, backend::Stream& stream, bool with_outputs) {
    const Launch& launch = program_->launches[i];
    if (!launch.kernel) read_counts(stream);
    std::size_t used = 0;
    const auto copy = [&](const Operand& operand, std::int32_t slot, bool download) -> std::byte* {
        if (operand.where == Operand::Where::constant) return const_cast<std::byte*>(operand.data);
        if (!on_device(operand)) return nullptr;
        const std::size_t bytes = slot_desc(target_, program_->values, slot).bytes();
        if (used == mirror_memory_.size()) mirror_memory_.emplace_back();
        Block& block = mirror_memory_[used++];
        grow_pinned(block, bytes);
        if (download && !launch.kernel)
            download_filled(stream, block.memory.get(), slot, operand);
        else if (download)
            stream.download(block.memory.get(), place(operand), bytes);
        return block.memory.get();
    };
    mirror_.inputs.clear();
    mirror_.outputs.clear();
    for (std::size_t k = 0; k < launch.inputs.size(); ++k)
        mirror_.inputs.push_back(copy(launch.inputs[k], launch.step->inputs[k], true));
    for (std::size_t k = 0; k < launch.outputs.size(); ++k)
        mirror_.outputs.push_back(copy(launch.outputs[k], launch.step->outputs[k], with_outputs));
    stream.synchronize();
}

void DeviceRun::run_on_host(std::size_t i, backend::Stream& stream, const HostStep& host_step) {
    const Launch& launch = program_->launches[i];
    mirror(i, stream, false);
    host_workspace_.resize(launch.kernel ? launch.kernel->workspace_bytes() : 0);
    host_step(i,
              {mirror_.inputs.data(), mirror_.outputs.data(), host_workspace_.data(), graph_->pointers[i].state.get()});
    for (std::size_t k = 0; k < launch.outputs.size(); ++k)
        if (on_device(launch.outputs[k]))
            stream.upload(place(launch.outputs[k]), mirror_.outputs[k],
                          slot_desc(target_, program_->values, launch.step->outputs[k]).bytes());
    stream.synchronize();
}

void DeviceRun::observe(const std::vector<Binding>& inputs, const HostStep& host_step, const Observer& observer,
                        const std::function<std::string(std::size_t i)>& name, bool tensors) {
    using Clock = std::chrono::steady_clock;
    const backend::Instruments* instruments = device_.instruments();
    const std::vector<Binding> unbound(outputs_.size());
    if (last_ && last_ != stream_.get()) stream_->wait_for(*last_, kDone);
    choose_graph(inputs, unbound);
    bring_inputs(*stream_, inputs);
    for (std::size_t i = 0; i < program_->launches.size(); ++i) {
        const Launch& launch = program_->launches[i];
        double microseconds = 0;
        const backend::KernelArgs on_device = arguments(i, *stream_);
        if (launch.on_host && runs(i)) {
            const auto start = Clock::now();
            run_on_host(i, *stream_, host_step);
            microseconds = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
        } else if (runs(i)) {
            if (instruments) instruments->begin_range(name(i));
            launch.kernel->run(on_device);
            if (instruments) instruments->end_range();
            stream_->synchronize();
            if (!tensors) microseconds = backend::time_calls(*stream_, [&] { launch.kernel->run(on_device); });
            counts_read_ = false;
        }
        mirror_.inputs.clear();
        mirror_.outputs.clear();
        if (tensors) {
            mirror(i, *stream_, true);
            read_counts(*stream_);
        }
        observer(i,
                 {mirror_.inputs.data(), mirror_.outputs.data(), nullptr, graph_->pointers[i].state.get(), nullptr,
                  reinterpret_cast<std::int64_t*>(counts_host_.memory.get())},
                 microseconds, launch.on_host ? nullptr : &on_device);
    }
    deliver_outputs(*stream_, unbound);
    stream_->mark(kDone);
    stream_->synchronize();
    finish_counted_outputs(*stream_);
    last_ = stream_.get();
    pending_ = false;
}

}  // namespace fovea::runtime
