#pragma once

#include "backend/cuda/epilogue_code.hpp"

namespace fovea::backend::cuda {

/// A box of elements that is copied between two tensors at strides: what Transpose, Slice, Concat, Expand and the like
/// come to.
struct Move {
    struct Axis {
        std::int64_t extent;
        std::int64_t source, target;  ///< elements between neighbours; source: 0 where it repeats, or negative
    };
    std::size_t input = 0, output = 0;  ///< of the region
    std::vector<Axis> axes;
    std::int64_t source_offset = 0, target_offset = 0;  ///< elements before the box's first one
    /// Elements between the memory's aligned start and the pointer that the run gives.
    std::int64_t source_skew = 0, target_skew = 0;

    /// The move of a whole tensor between two of the same shape.
    static Move between(const TensorDesc& from, const TensorDesc& to);
};

/// Most axes of a move that cannot be taken together.
inline constexpr std::size_t kMostMoveAxes = 8;
/// Most elements of one side.
inline constexpr std::int64_t kMostMoved = std::int64_t{1} << 30;

/// A kernel for all of `moves`, whose elements have the size of `type`; a box that lies in its place already is left
/// alone. `constants`: memory of those of the region's inputs that are constant, by position, or empty.
std::unique_ptr<Kernel> make_moves(const Target& target, DType type, std::vector<Move> moves,
                                   std::vector<PackedConstants::Block> constants = {});

/// The region's constant inputs on the device, by position; nullptr where the run gives the tensor.
std::vector<PackedConstants::Block> constant_inputs(const Target& target, const RegionContext& context);

/// Where input `i` of a run lies: one of `constants`, which may be fewer than the inputs, or what the run gives.
const std::byte* input_memory(const std::vector<PackedConstants::Block>& constants, const KernelArgs& args,
                              std::size_t i);

/// The kernels' name of a word of this size, for elements that are only moved: 1, 2, 4, 8 or 16 bytes.
std::string_view word_type(std::size_t bytes);

/// `move` with the skews of the region's input and output.
Move in_region(const RegionContext& context, Move move);

}  // namespace fovea::backend::cuda
