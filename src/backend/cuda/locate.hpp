#pragma once

#include "backend/cuda/moves.hpp"

namespace fovea::backend::cuda {

/// The code that finds, for each place of a dense output, the element of an input that it shows; see
/// kernels/locate.cuh. Axes stand in the order of the output's memory.
class Locate {
  public:
    /// `inner`: whether neighbours along the last axis are neighbours in the input, so that words hold several.
    Locate(DType type, Shape extents, bool inner);

    /// An integer that the code reads: a parameter, so that new shapes need no compilation.
    std::string number(std::int64_t value);
    /// As `number`, of a distance in the input in elements, which must be whole words; counted in words.
    std::string distance(std::int64_t elements) { return number(elements / width_); }
    static std::string place(std::size_t axis) { return "place[" + std::to_string(axis) + "]"; }
    Locate& line(const std::string& code);

    struct Operands {
        std::size_t input = 0;
        std::optional<std::size_t> table = {};  ///< input of the region that the code reads as args.table
    };
    /// `found`: the word that the code has found, or -1; an expression.
    [[nodiscard]] std::unique_ptr<Kernel> make(const Target& target, const std::string& found, Operands operands,
                                               std::vector<PackedConstants::Block> constants,
                                               std::uint64_t fill = 0) const;

  private:
    DType type_;
    Shape extents_;
    int width_ = 1;
    std::vector<std::int64_t> numbers_;
    std::string code_;
};

}  // namespace fovea::backend::cuda
