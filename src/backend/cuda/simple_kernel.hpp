#pragma once

#include "backend/cuda/epilogue_code.hpp"

namespace fovea::backend::cuda {

/// A kernel with one main input, an epilogue and a thread per vector of its result, 256 a block.
template <class Args>
class SimpleKernel final : public Kernel {
  public:
    SimpleKernel(std::unique_ptr<Function> function, EpilogueCode epilogue, const Args& args, std::size_t input,
                 std::int64_t vectors, std::string implementation, std::vector<PackedConstants::Block> constants = {})
        : SimpleKernel(std::move(function), std::move(epilogue), args, input,
                       Function::Grid{static_cast<unsigned>((vectors + 255) / 256)}, std::move(implementation),
                       std::move(constants)) {}
    SimpleKernel(std::unique_ptr<Function> function, EpilogueCode epilogue, const Args& args, std::size_t input,
                 Function::Grid grid, std::string implementation, std::vector<PackedConstants::Block> constants = {})
        : function_(std::move(function)),
          epilogue_(std::move(epilogue)),
          args_(args),
          input_(input),
          grid_(grid),
          implementation_(std::move(implementation)),
          constants_(std::move(constants)) {}

    void run(const KernelArgs& args) const override {
        Args launch = args_;
        launch.input = args.inputs[input_];
        launch.output = args.outputs[0];
        epilogue_.bind(launch.epilogue, args);
        function_->launch(*args.stream, grid_, 256, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return implementation_; }

  private:
    std::unique_ptr<Function> function_;
    EpilogueCode epilogue_;
    Args args_;
    std::size_t input_;
    Function::Grid grid_;
    std::string implementation_;
    std::vector<PackedConstants::Block> constants_;
};

/// A kernel with one input, one output and nothing else that a run decides.
template <class Args>
class LineKernel final : public Kernel {
  public:
    LineKernel(std::unique_ptr<Function> function, const Args& args, unsigned blocks, int threads,
               std::string implementation)
        : function_(std::move(function)),
          args_(args),
          blocks_(blocks),
          threads_(static_cast<unsigned>(threads)),
          implementation_(std::move(implementation)) {}

    void run(const KernelArgs& args) const override {
        Args launch = args_;
        launch.input = args.inputs[0];
        launch.output = args.outputs[0];
        function_->launch(*args.stream, {blocks_}, threads_, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return implementation_; }

  private:
    std::unique_ptr<Function> function_;
    Args args_;
    unsigned blocks_, threads_;
    std::string implementation_;
};

}  // namespace fovea::backend::cuda
