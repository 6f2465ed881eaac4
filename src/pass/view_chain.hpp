#pragma once

#include <optional>
#include <vector>

#include "ir/patch.hpp"
#include "pass/axis_chain.hpp"
#include "pass/view.hpp"

namespace fovea::pass {

/// `dims` with the axes in the order of `perm`.
ir::Dims permuted(const ir::Dims& dims, const Permutation& perm);

/// Reshape, Squeeze, Unsqueeze, Flatten or Transpose.
bool is_view(const ir::Node* node);

/// Reshapes and transposes one behind the other, each read by the next one only.
struct ViewChain {
    ir::ValueId source = ir::kNone;
    std::vector<const ir::Node*> nodes;  ///< in order
    int transposes = 0;
};

/// The longest chain that ends with `last`, which is a view.
ViewChain chain_to(const View& view, const ir::Node& last);

/// Follows the axes through the chain; not set when its shapes are not known well enough.
std::optional<AxisChain> follow(const View& view, const ViewChain& chain);

/// What does the same as a chain between tensors of two shapes; steps that are not needed are not set.
struct ViewSteps {
    std::optional<ir::Dims> first;    ///< reshape
    std::optional<Permutation> perm;  ///< transpose
    std::optional<ir::Dims> last;     ///< reshape
    [[nodiscard]] int count() const { return (first ? 1 : 0) + (perm ? 1 : 0) + (last ? 1 : 0); }
};

ViewSteps steps_for(const ir::Dims& from, const ir::Dims& to, const AxisChain::Form& form);

/// Adds the steps behind `x`, which has the sizes `dims`; `kNone` when a shape cannot be written as a constant.
ir::ValueId write_views(ir::Patch& patch, ir::ValueId x, const ir::Dims& dims, const ViewSteps& steps);

}  // namespace fovea::pass
