#pragma once

#include <cstdint>
#include <utility>

#include "base/dispatch.hpp"
#include "ops/index.hpp"
#include "ops/op.hpp"

namespace fovea::ops {

/// The elements of a window as `Number`, found by their place in the whole tensor. `Number` is double, which holds
/// every floating-point type and the narrow integers exactly, or std::uint64_t, whose wrap-around sums and products
/// have the bits that any integer type would give.
template <class Number>
class Elements {
  public:
    explicit Elements(const Window& window)
        : tensor_(window.data.cast(dtype_of<Number>())),
          values_(std::as_const(tensor_).template as<Number>()),
          box_(window.box),
          strides_(base::row_major_strides(box_.size)) {}

    Number operator[](const Shape& index) const { return values_[offset_in(box_, index)]; }
    Number operator[](std::size_t offset) const { return values_[offset]; }
    /// Where the place `index` lies among the window's elements.
    [[nodiscard]] std::size_t offset(const Shape& index) const { return offset_in(box_, index); }
    /// Elements from one place to the next along `axis`.
    [[nodiscard]] std::size_t stride(std::size_t axis) const { return static_cast<std::size_t>(strides_[axis]); }

  private:
    Tensor tensor_;
    std::span<const Number> values_;
    Box box_;
    Shape strides_;
};

using Reals = Elements<double>;

/// Calls `function` with the type that sums of `type` are computed in: double, or std::uint64_t for integers.
template <class Function>
void visit_sum(DType type, const Function& function) {
    if (base::is_float(type)) return function.template operator()<double>();
    function.template operator()<std::uint64_t>();
}

/// Elements that are computed as `Number` and stored as the type of `target`.
template <class Number>
class Results {
  public:
    explicit Results(Tensor& target)
        : target_(target), tensor_(dtype_of<Number>(), target.shape()), values_(tensor_.template as<Number>()) {}
    Results(const Results&) = delete;
    Results& operator=(const Results&) = delete;

    Number& operator[](std::size_t offset) { return values_[offset]; }
    /// Rounds the elements to the type of the target.
    void store() { target_ = tensor_.cast(target_.dtype()); }

  private:
    Tensor& target_;
    Tensor tensor_;
    std::span<Number> values_;
};

}  // namespace fovea::ops
