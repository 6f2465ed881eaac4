#include "base/tensor.hpp"

#include <cmath>
#include <limits>
#include <new>

#include "base/checked.hpp"
#include "base/dispatch.hpp"
#include "base/parallel.hpp"

namespace fovea {
namespace {

constexpr std::align_val_t kAlignment{64};

/// Value of one stored element in the type that arithmetic uses.
template <class T>
auto load(const T& element) {
    return static_cast<base::arithmetic_t<T>>(element);
}

template <class To, class From>
To convert(From value, [[maybe_unused]] bool saturate) {
    using Wide = base::arithmetic_t<To>;
    if constexpr (std::is_same_v<To, bool>)
        return value != From{};
    else if constexpr (std::is_same_v<Wide, To>) {
        if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
            if (std::isnan(value)) return To{0};
            constexpr auto kLow = static_cast<double>(std::numeric_limits<To>::lowest());
            constexpr auto kHigh = static_cast<double>(std::numeric_limits<To>::max());
            const auto wide = static_cast<double>(value);
            if (wide <= kLow || wide >= kHigh) {
                if constexpr (sizeof(To) < 4) return static_cast<To>(static_cast<std::int64_t>(wide));
                return wide <= kLow ? std::numeric_limits<To>::lowest() : std::numeric_limits<To>::max();
            }
        }
        return static_cast<To>(value);
    } else if constexpr (std::is_same_v<Wide, float>) {
        To result;
        result.bits =
            static_cast<decltype(result.bits)>(base::encode_float(static_cast<float>(value), dtype_of<To>(), saturate));
        return result;
    } else {
        if constexpr (std::is_floating_point_v<From>)
            return convert<To>(convert<std::int64_t>(value, saturate), saturate);
        // Narrow integers keep the low bits, as a cast between wide integers does.
        constexpr int kModulus = dtype_of<To>() == DType::i4 || dtype_of<To>() == DType::u4 ? 16 : 4;
        int low = static_cast<int>(((static_cast<std::int64_t>(value) % kModulus) + kModulus) % kModulus);
        if ((dtype_of<To>() == DType::i4 || dtype_of<To>() == DType::i2) && low >= kModulus / 2) low -= kModulus;
        return To(low);
    }
}

}  // namespace

Tensor::Tensor(DType type, Shape shape) : type_(type), shape_(std::move(shape)), size_(base::element_count(shape_)) {
    const auto bytes =
        static_cast<std::size_t>(base::checked_mul(size_, static_cast<std::int64_t>(element_bytes(type_))));
    data_ = ::operator new(bytes ? bytes : 1, kAlignment);
    owner_ = std::shared_ptr<void>(data_, [](void* p) { ::operator delete(p, kAlignment); });
}

Tensor::Tensor(DType type, Shape shape, void* data, std::shared_ptr<const void> owner)
    : type_(type),
      shape_(std::move(shape)),
      size_(base::element_count(shape_)),
      data_(data),
      owner_(std::move(owner)) {}

Tensor Tensor::zeros(DType type, Shape shape) {
    Tensor tensor(type, std::move(shape));
    std::memset(tensor.data_, 0, tensor.bytes());
    return tensor;
}

Tensor Tensor::reshaped(Shape shape) const {
    if (base::element_count(shape) != size_)
        throw Error(ErrorCode::invalid_model, "cannot reshape " + base::to_string(shape_) + " to " +
                                                  base::to_string(shape) + ": the numbers of elements differ");
    Tensor result = *this;
    result.shape_ = std::move(shape);
    return result;
}

Tensor Tensor::clone() const {
    if (!*this) return {};
    Tensor result(type_, shape_);
    if (size_) std::memcpy(result.data_, data_, bytes());
    return result;
}

Tensor Tensor::cast(DType type, bool saturate) const {
    if (type == type_) return *this;
    Tensor result(type, shape_);
    base::visit(type_, [&]<class From>() {
        base::visit(type, [&]<class To>() {
            const auto source = as<From>();
            const auto target = result.as<To>();
            base::parallel_for(size(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
                for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
                    target[i] = convert<To>(load(source[i]), saturate);
            });
        });
    });
    return result;
}

std::vector<std::int64_t> Tensor::to_int64() const {
    if (!base::is_integer(type_) && type_ != DType::boolean)
        throw Error(ErrorCode::invalid_model,
                    "expected an integer tensor, found " + std::string(fovea::to_string(type_)));
    const Tensor wide = cast(DType::i64);
    const auto values = wide.as<std::int64_t>();
    return {values.begin(), values.end()};
}

std::vector<float> Tensor::to_float() const {
    const Tensor wide = cast(DType::f32);
    const auto values = wide.as<float>();
    return {values.begin(), values.end()};
}

bool Tensor::equals(const Tensor& other) const {
    return type_ == other.type_ && shape_ == other.shape_ &&
           (bytes() == 0 || data_ == other.data_ || std::memcmp(data_, other.data_, bytes()) == 0);
}

void Tensor::require_type(DType type) const {
    if (type == DType::undefined)
        throw Error(ErrorCode::internal,
                    "a tensor of shape " + base::to_string(shape_) + " was given the wrong number of values");
    if (type != type_)
        throw Error(ErrorCode::internal, "a tensor of type " + std::string(fovea::to_string(type_)) + " was read as " +
                                             std::string(fovea::to_string(type)));
}

namespace base {

bool is_float(DType type) {
    switch (type) {
        case DType::f32:
        case DType::f16:
        case DType::bf16:
        case DType::f64:
        case DType::f8e4m3fn:
        case DType::f8e4m3fnuz:
        case DType::f8e5m2:
        case DType::f8e5m2fnuz:
        case DType::f8e8m0:
        case DType::f4e2m1: return true;
        default: return false;
    }
}

bool is_integer(DType type) { return type != DType::undefined && type != DType::boolean && !is_float(type); }

}  // namespace base
}  // namespace fovea
