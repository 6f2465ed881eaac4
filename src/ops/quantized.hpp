#pragma once

#include "ops/op.hpp"

/// What the operators on quantised tensors share: where a scale or zero point applies, and rounding into a type.
namespace fovea::ops {

/// How the elements of a tensor share scales: all one (per tensor), one per place along an axis, or one per block of
/// places along an axis (QuantizeLinear, "quantization granularity").
class Granularity {
  public:
    /// From attributes `axis` and `block_size`, for a tensor of shape `x` with scales of shape `scale`; throws where
    /// these do not fit.
    Granularity(const NodeView& node, const Shape& x, const Shape& scale);

    /// Box of scales that the elements of `box` use.
    [[nodiscard]] Box scales(const Box& box) const;
    /// Place of the scale of the element at `index`.
    [[nodiscard]] Shape scale(const Shape& index) const;

  private:
    enum class Kind : std::uint8_t { tensor, axis, block };
    Kind kind_ = Kind::tensor;
    std::size_t axis_ = 0, scale_rank_;
    std::int64_t block_ = 1;
};

/// `value` rounded to what floating-point `type` holds.
double round_to(double value, DType type);

/// f64 `values` as the quantised `type`: clamped to its range for integers (values are whole numbers then), by
/// `saturate` for floating-point types.
Tensor to_quantized(const Tensor& values, DType type, bool saturate);

/// x minus its zero point, which broadcasts to `x.full` (no data: zero), as `type`; of the same box.
Window centred(const Window& x, const Tensor& zero_point, DType type);

/// A vector of more than one element as a shape that applies it along `axis` of a tensor of `rank` axes; other tensors
/// unchanged.
Tensor along_axis(const Tensor& tensor, std::size_t axis, std::size_t rank);

}  // namespace fovea::ops
