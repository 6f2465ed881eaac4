#include "pass/move.hpp"

#include <cstring>

namespace fovea::pass {
namespace {

/// Copies elements of `T` in the order of the output; `strides` are those of the input, by output axis.
template <class T>
void gather(const std::byte* source, std::byte* target, const Shape& shape, const Shape& strides) {
    const auto* from = reinterpret_cast<const T*>(source);
    auto* to = reinterpret_cast<T*>(target);
    const std::size_t rank = shape.size();
    const std::int64_t inner = rank ? shape[rank - 1] : 1, step = rank ? strides[rank - 1] : 0;
    Shape index(rank, 0);
    std::int64_t offset = 0;
    while (true) {
        for (std::int64_t i = 0; i < inner; ++i) *to++ = from[offset + i * step];
        std::size_t axis = rank ? rank - 1 : 0;
        while (axis > 0) {
            --axis;
            offset += strides[axis];
            if (++index[axis] < shape[axis]) break;
            offset -= strides[axis] * shape[axis];
            index[axis] = 0;
            if (axis == 0) return;
        }
        if (rank < 2) return;
    }
}

}  // namespace

Permutation compose(const Permutation& first, const Permutation& second) {
    Permutation result;
    for (const std::int64_t axis : second) result.push_back(first[static_cast<std::size_t>(axis)]);
    return result;
}

Permutation inverse(const Permutation& perm) {
    Permutation result(perm.size());
    for (std::size_t i = 0; i < perm.size(); ++i)
        result[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
    return result;
}

bool is_identity(const Permutation& perm) {
    for (std::size_t i = 0; i < perm.size(); ++i)
        if (perm[i] != static_cast<std::int64_t>(i)) return false;
    return true;
}

Tensor transposed(const Tensor& tensor, const Permutation& perm) {
    const Shape from = base::row_major_strides(tensor.shape());
    Shape shape, strides;
    for (const std::int64_t axis : perm) {
        shape.push_back(tensor.shape()[static_cast<std::size_t>(axis)]);
        strides.push_back(from[static_cast<std::size_t>(axis)]);
    }
    Tensor result(tensor.dtype(), shape);
    if (tensor.size() == 0) return result;
    switch (element_bytes(tensor.dtype())) {
        case 1: gather<std::uint8_t>(tensor.raw(), result.raw(), shape, strides); break;
        case 2: gather<std::uint16_t>(tensor.raw(), result.raw(), shape, strides); break;
        case 4: gather<std::uint32_t>(tensor.raw(), result.raw(), shape, strides); break;
        default: gather<std::uint64_t>(tensor.raw(), result.raw(), shape, strides); break;
    }
    return result;
}

Tensor concatenated(const std::vector<Tensor>& parts, std::int64_t axis) {
    const auto at = static_cast<std::size_t>(axis);
    Shape shape = parts[0].shape();
    shape[at] = 0;
    for (const Tensor& part : parts) shape[at] += part.shape()[at];
    Tensor result(parts[0].dtype(), shape);
    const std::int64_t rows = base::element_count(std::span(shape).first(at));
    std::byte* target = result.raw();
    for (std::int64_t row = 0; row < rows; ++row)
        for (const Tensor& part : parts) {
            const std::size_t bytes = part.bytes() / static_cast<std::size_t>(rows);
            std::memcpy(target, part.raw() + static_cast<std::size_t>(row) * bytes, bytes);
            target += bytes;
        }
    return result;
}

}  // namespace fovea::pass
