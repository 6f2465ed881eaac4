#pragma once

#include <algorithm>

#include "backend/cuda/mma_conv.hpp"

namespace fovea::backend::cuda {

/// What a product's kernel is launched with; `Args` is `ConvArgs` or `WarpgroupArgs`.
template <class Args>
struct ProductLaunch {
    PackedConstants::Block weights;
    std::unique_ptr<Function> function;
    Function::Grid grid;
    int threads = 0;
    Args args{};  ///< the sizes, which the two kernels count differently
    std::string implementation;
    bool tf32 = false;  ///< factors are rounded
};

/// A kernel that computes an `MmaProblem`, with one or two inputs beside what its epilogue reads.
template <class Args>
class ProductKernel final : public Kernel {
  public:
    ProductKernel(const MmaProblem& problem, EpilogueCode epilogue, ProductLaunch<Args> launch)
        : input0_(problem.sources[0].input),
          input1_(problem.sources.back().input),
          epilogue_(std::move(epilogue)),
          launch_(std::move(launch)) {
        Args& args = launch_.args;
        args.weights = launch_.weights.get();
        args.pad_y = static_cast<int>(problem.pad_y);
        args.pad_x = static_cast<int>(problem.pad_x);
        args.pitch0 = static_cast<int>(problem.sources[0].pitch);
        args.pitch1 = static_cast<int>(problem.sources.back().pitch);
        args.output_pitch = static_cast<int>(problem.output_pitch);
    }

    void run(const KernelArgs& args) const override {
        Args bound = launch_.args;
        bound.input0 = args.inputs[input0_];
        bound.input1 = args.inputs[input1_];
        bound.output = args.outputs[0];
        epilogue_.bind(bound.epilogue, args);
        launch_.function->launch(*args.stream, launch_.grid, static_cast<unsigned>(launch_.threads), &bound);
    }
    [[nodiscard]] bool rounds_to_tf32() const override { return launch_.tf32; }
    [[nodiscard]] std::string implementation() const override { return launch_.implementation; }

  private:
    std::size_t input0_, input1_;
    EpilogueCode epilogue_;
    ProductLaunch<Args> launch_;
};

/// The elements that one thread stores at once, for a tile of so many columns whose depth `split` blocks share.
inline int stored_width(const MmaProblem& problem, const EpilogueCode& epilogue, int columns, int split) {
    // Four sums of one thread are what neighbouring threads read together from other blocks' memory.
    const int most = split > 1 ? 4 : std::min({16 / static_cast<int>(element_bytes(problem.result)), 8, columns});
    return epilogue.width(common_width(most, {problem.result_channels(), problem.output_pitch, problem.output_offset}));
}

}  // namespace fovea::backend::cuda
