#include "base/shape.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::base {

std::int64_t element_count(std::span<const std::int64_t> shape) {
    std::int64_t count = 1;
    for (std::int64_t size : shape) {
        if (size < 0) throw Error(ErrorCode::out_of_range, "negative size in shape " + to_string(shape));
        count = checked_mul(count, size);
    }
    return count;
}

Shape row_major_strides(std::span<const std::int64_t> shape) {
    Shape strides(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = checked_mul(strides[i], shape[i]);
    return strides;
}

Shape broadcast(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
    Shape result(std::max(a.size(), b.size()), 1);
    for (std::size_t i = 0; i < result.size(); ++i) {
        const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
        const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
        if (x != y && x != 1 && y != 1)
            throw Error(ErrorCode::invalid_model, "shapes " + to_string(a) + " and " + to_string(b) +
                                                      " do not broadcast: sizes must be equal or 1");
        result[result.size() - 1 - i] = x == 1 ? y : x;
    }
    return result;
}

std::int64_t normalize_axis(std::int64_t axis, std::int64_t rank) {
    if (axis < -rank || axis >= rank)
        throw Error(ErrorCode::invalid_model, "axis " + std::to_string(axis) + " is outside [-" + std::to_string(rank) +
                                                  ", " + std::to_string(rank) + ")");
    return axis < 0 ? axis + rank : axis;
}

std::string to_string(std::span<const std::int64_t> shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

}  // namespace fovea::base
