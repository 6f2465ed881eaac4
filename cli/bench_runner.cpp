#include "bench_runner.hpp"

#include <cstring>

#include "tensors.hpp"

namespace fovea::cli {

BenchRunner::BenchRunner(const Engine& engine, Tensors inputs)
    : engine_(&engine), context_(engine.make_context()), inputs_(std::move(inputs)) {
    for (const auto& [name, tensor] : inputs_) staged_[name] = tensor.clone();
    bind_inputs(context_, staged_);
}

void BenchRunner::stay_on_device() {
    if (!device()) return;
    std::size_t i = 0;
    for (const TensorInfo& input : engine_->inputs()) {
        const Tensor& tensor = staged_.at(input.name);
        if (std::byte* place = device()->device_input(i))
            content().bind_input(i, tensor.dtype(), tensor.shape(), place, true);
        ++i;
    }
    device()->keep_outputs(true);
}

void BenchRunner::use_host_memory(bool page_locked) {
    if (!device()) return;
    const auto place = [&](std::size_t bytes) {
        host_.push_back(page_locked ? engine_->content()->device()->allocate_host(bytes)
                                    : backend::PackedConstants::allocate(bytes));
        return host_.back().get();
    };
    device()->keep_outputs(false);
    std::size_t i = 0;
    for (const TensorInfo& input : engine_->inputs()) {
        const Tensor& tensor = inputs_.at(input.name);
        std::byte* memory = place(tensor.bytes());
        std::memcpy(memory, tensor.raw(), tensor.bytes());
        content().bind_input(i++, tensor.dtype(), tensor.shape(), memory);
    }
    for (i = 0; i < engine_->outputs().size(); ++i) {
        // What the host computes, and sizes that depend on the data, cannot be bound.
        const backend::TensorDesc& desc = content().program().output_descs[i];
        if (device()->computes(i)) content().bind_output(i, desc.dtype, desc.shape, place(desc.bytes()));
    }
}

void BenchRunner::run_with_copies() {
    if (device()) return run();
    for (const auto& [name, tensor] : inputs_) std::memcpy(staged_.at(name).raw(), tensor.raw(), tensor.bytes());
    context_.run();
    for (const TensorInfo& output : engine_->outputs()) {
        const TensorView view = context_.output(output.name);
        Tensor& copy = results_[output.name];
        if (!copy || copy.shape() != view.shape) copy = Tensor(view.dtype, view.shape);
        if (copy.bytes() > 0) std::memcpy(copy.raw(), view.data, copy.bytes());
    }
}

}  // namespace fovea::cli
