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

void BenchRunner::run_with_copies() {
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
