#pragma once

#include <functional>
#include <map>

#include "backend/backend.hpp"
#include "ops/evaluate.hpp"

namespace fovea::compiler {

/// Reference results of a region, computed from the region's inputs, for single boxes where the operators allow it.
class RegionReference {
  public:
    /// Reads a box of a region's input (or constant).
    using Reader = std::function<Tensor(ir::ValueId, const ops::Box&)>;
    RegionReference(const ir::Graph& graph, const ops::ValueTable& values, const backend::Region& region,
                    Reader reader);

    /// Computes what boxes of `value` need in full: copies of this share it from then on.
    void prepare(ir::ValueId value);
    /// The box of an output (or of a value inside the region).
    Tensor box(ir::ValueId value, const ops::Box& box);
    /// Whether `value` is what QuantizeLinear, in the region, rounds to e4m3; numbers beyond the largest become that.
    [[nodiscard]] bool rounds_to_e4m3(ir::ValueId value) const;
    /// The box of such a value before it is rounded, in f32.
    Tensor unrounded(ir::ValueId value, const ops::Box& box);
    /// Rough number of reference operations that one element of `value` costs.
    [[nodiscard]] double cost_per_element(ir::ValueId value) const;

  private:
    [[nodiscard]] const ir::Node* producer(ir::ValueId value) const;
    [[nodiscard]] Shape shape(ir::ValueId value) const;
    /// What the node's inputs are; its outputs are left to the caller.
    [[nodiscard]] ops::ShapeContext with_inputs(const ir::Node& node) const;
    [[nodiscard]] bool by_boxes(const ir::Node& node) const;
    [[nodiscard]] bool reads_constants_only(const ir::Node& node) const;
    Tensor by_box(const ir::Node& node, ir::ValueId value, const ops::Box& box, DType type);
    Tensor whole(const ir::Node& node, ir::ValueId value);

    const ir::Graph& graph_;
    const ops::ValueTable& values_;
    const backend::Region& region_;
    Reader reader_;
    std::map<ir::ValueId, Tensor> whole_;
};

/// The elements of `box` out of a plain tensor.
Tensor crop(const Tensor& tensor, const ops::Box& box);
/// The elements of `box` out of memory.
Tensor crop(const backend::TensorDesc& desc, const std::byte* data, const ops::Box& box);

}  // namespace fovea::compiler
