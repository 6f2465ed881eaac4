#pragma once

#include <vector>

#include "ir/graph.hpp"
#include "pass/move.hpp"

namespace fovea::pass {

/// Follows the axes of a tensor through reshapes and transposes. Axes are taken apart into factors; a reshape splits
/// and joins neighbouring factors, a transpose moves groups of them. Whatever the chain, one reshape, one transpose and
/// one reshape do the same.
class AxisChain {
  public:
    /// Starts with a tensor of these sizes, none of which is 0.
    explicit AxisChain(const ir::Dims& dims);

    /// False when the new axes cannot be made by splitting and joining factors, or too many sizes are unknown.
    [[nodiscard]] bool reshape(const ir::Dims& dims);
    void transpose(const Permutation& perm);

    struct Form {
        ir::Dims split;  ///< sizes before the transpose
        Permutation perm;
    };
    /// The reshape and the transpose; the last reshape goes to the sizes of the chain's end.
    [[nodiscard]] Form form() const;

    /// Sizes of the factors that axis `axis` consists of now, outermost first.
    [[nodiscard]] ir::Dims factors(std::size_t axis) const;

  private:
    using Factor = std::size_t;
    enum class Side { left, right };
    /// Takes the factors of one axis from an end of `rest`. False: that end cannot be told apart.
    bool take(const ir::Dim& size, Side side, std::vector<Factor>& rest, std::vector<Factor>& axis, bool& possible);
    void split(Factor factor, std::int64_t left, std::int64_t right, std::vector<Factor>& rest);

    std::vector<ir::Dim> sizes_;             ///< by factor
    std::vector<std::size_t> source_axis_;   ///< by factor: the axis of the start that it came from
    std::vector<Factor> original_;           ///< in the order of the start
    std::vector<std::vector<Factor>> axes_;  ///< of the present axes, outermost first
};

}  // namespace fovea::pass
