#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "base/float_types.hpp"
#include "base/shape.hpp"
#include "fovea/dtype.hpp"

namespace fovea {

/// Maps a C++ element type to its DType.
template <class T>
constexpr DType dtype_of() {
    if constexpr (std::is_same_v<T, float>)
        return DType::f32;
    else if constexpr (std::is_same_v<T, double>)
        return DType::f64;
    else if constexpr (std::is_same_v<T, std::int8_t>)
        return DType::i8;
    else if constexpr (std::is_same_v<T, std::uint8_t>)
        return DType::u8;
    else if constexpr (std::is_same_v<T, std::int16_t>)
        return DType::i16;
    else if constexpr (std::is_same_v<T, std::uint16_t>)
        return DType::u16;
    else if constexpr (std::is_same_v<T, std::int32_t>)
        return DType::i32;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return DType::u32;
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return DType::i64;
    else if constexpr (std::is_same_v<T, std::uint64_t>)
        return DType::u64;
    else if constexpr (std::is_same_v<T, bool>)
        return DType::boolean;
    else if constexpr (std::is_same_v<T, base::Half>)
        return DType::f16;
    else if constexpr (std::is_same_v<T, base::BFloat16>)
        return DType::bf16;
    else if constexpr (std::is_same_v<T, base::Float8E4M3FN>)
        return DType::f8e4m3fn;
    else if constexpr (std::is_same_v<T, base::Float8E4M3FNUZ>)
        return DType::f8e4m3fnuz;
    else if constexpr (std::is_same_v<T, base::Float8E5M2>)
        return DType::f8e5m2;
    else if constexpr (std::is_same_v<T, base::Float8E5M2FNUZ>)
        return DType::f8e5m2fnuz;
    else if constexpr (std::is_same_v<T, base::Float8E8M0>)
        return DType::f8e8m0;
    else if constexpr (std::is_same_v<T, base::Float4E2M1>)
        return DType::f4e2m1;
    else if constexpr (std::is_same_v<T, base::Int4>)
        return DType::i4;
    else if constexpr (std::is_same_v<T, base::UInt4>)
        return DType::u4;
    else if constexpr (std::is_same_v<T, base::Int2>)
        return DType::i2;
    else if constexpr (std::is_same_v<T, base::UInt2>)
        return DType::u2;
    else
        static_assert(!sizeof(T), "no DType for this C++ type");
}

/// A dense row-major host tensor. Copies share the storage; treat a tensor as immutable once it has been shared.
/// A default-constructed tensor is "not there" (an omitted optional input).
class Tensor {
  public:
    Tensor() = default;
    /// Uninitialised storage, 64-byte aligned.
    Tensor(DType type, Shape shape);
    /// A view of memory that `owner` keeps alive (a mapped file, a NumPy array).
    Tensor(DType type, Shape shape, void* data, std::shared_ptr<const void> owner);

    static Tensor zeros(DType type, Shape shape);
    template <class T>
    static Tensor from(Shape shape, std::span<const T> values);
    template <class T>
    static Tensor from(Shape shape, const std::vector<T>& values) {
        return from<T>(std::move(shape), std::span<const T>(values));
    }
    template <class T>
    static Tensor scalar(T value) {
        return from<T>({}, std::span<const T>(&value, 1));
    }
    /// A one-dimensional i64 tensor, as shapes and axes are given.
    static Tensor vector(std::vector<std::int64_t> values) {
        return from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
    }

    explicit operator bool() const { return type_ != DType::undefined; }
    [[nodiscard]] DType dtype() const { return type_; }
    [[nodiscard]] const Shape& shape() const { return shape_; }
    [[nodiscard]] std::int64_t rank() const { return static_cast<std::int64_t>(shape_.size()); }
    /// Number of elements.
    [[nodiscard]] std::int64_t size() const { return size_; }
    [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(size_) * element_bytes(type_); }

    [[nodiscard]] const std::byte* raw() const { return static_cast<const std::byte*>(data_); }
    [[nodiscard]] std::byte* raw() { return static_cast<std::byte*>(data_); }
    /// Elements as `T`; throws `internal` when `T` is not the tensor's type.
    template <class T>
    [[nodiscard]] std::span<const T> as() const {
        require_type(dtype_of<T>());
        return {static_cast<const T*>(data_), static_cast<std::size_t>(size_)};
    }
    template <class T>
    [[nodiscard]] std::span<T> as() {
        require_type(dtype_of<T>());
        return {static_cast<T*>(data_), static_cast<std::size_t>(size_)};
    }

    /// The same elements under another shape of equal size.
    [[nodiscard]] Tensor reshaped(Shape shape) const;
    /// A copy with its own storage.
    [[nodiscard]] Tensor clone() const;
    /// Element-wise conversion as ONNX Cast does it (saturating for 8-bit floats unless told otherwise).
    [[nodiscard]] Tensor cast(DType type, bool saturate = true) const;
    /// All elements as i64; for shapes, axes, sizes and the like. Throws `invalid_model` for floating-point types.
    [[nodiscard]] std::vector<std::int64_t> to_int64() const;
    /// All elements as float.
    [[nodiscard]] std::vector<float> to_float() const;
    /// Same type, shape and bytes.
    [[nodiscard]] bool equals(const Tensor& other) const;

  private:
    void require_type(DType type) const;

    DType type_ = DType::undefined;
    Shape shape_;
    std::int64_t size_ = 0;
    void* data_ = nullptr;
    std::shared_ptr<const void> owner_;
};

template <class T>
Tensor Tensor::from(Shape shape, std::span<const T> values) {
    Tensor tensor(dtype_of<T>(), std::move(shape));
    if (static_cast<std::size_t>(tensor.size()) != values.size()) tensor.require_type(DType::undefined);
    if (!values.empty()) std::memcpy(tensor.data_, values.data(), values.size_bytes());
    return tensor;
}

}  // namespace fovea
