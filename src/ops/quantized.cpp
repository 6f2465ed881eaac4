#include "ops/quantized.hpp"

#include <cmath>

#include "base/checked.hpp"
#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/types.hpp"

namespace fovea::ops {

Granularity::Granularity(const NodeView& node, const Shape& x, const Shape& scale) : scale_rank_(scale.size()) {
    const std::int64_t block = node.integer("block_size", 0);
    node.require(block >= 0 && block <= (1LL << 31),
                 "attribute \"block_size\": expected a number from 0 to 2^31, found " + std::to_string(block));
    if (base::element_count(scale) == 1 && (block == 0 || scale.size() <= 1)) return;
    axis_ = static_cast<std::size_t>(expect_axis(node, "axis", 1, x.size()));
    if (block == 0) {
        kind_ = Kind::axis;
        node.require(scale.size() == 1 && scale[0] == x[axis_],
                     "expected one scale, or one for each of the " + std::to_string(x[axis_]) + " places along axis " +
                         std::to_string(axis_) + ", found scales of shape " + base::to_string(scale));
        return;
    }
    kind_ = Kind::block;
    block_ = block;
    Shape expected = x;
    expected[axis_] = base::ceil_div(x[axis_], block);
    node.require(scale == expected, "expected scales of shape " + base::to_string(expected) + " for blocks of " +
                                        std::to_string(block) + " along axis " + std::to_string(axis_) + ", found " +
                                        base::to_string(scale));
}

Box Granularity::scales(const Box& box) const {
    if (kind_ == Kind::tensor) return Box::whole(Shape(scale_rank_, 1));
    if (kind_ == Kind::axis) return {{box.start[axis_]}, {box.size[axis_]}};
    Box result = box;
    result.start[axis_] = box.start[axis_] / block_;
    if (box.size[axis_] > 0)
        result.size[axis_] = (box.start[axis_] + box.size[axis_] - 1) / block_ + 1 - result.start[axis_];
    return result;
}

Shape Granularity::scale(const Shape& index) const {
    if (kind_ == Kind::tensor) return Shape(scale_rank_, 0);
    if (kind_ == Kind::axis) return {index[axis_]};
    Shape result = index;
    result[axis_] /= block_;
    return result;
}

double round_to(double value, DType type) {
    if (type == DType::f64) return value;
    const auto single = static_cast<float>(value);
    return type == DType::f32 ? single : base::decode_float(base::encode_float(single, type), type);
}

Tensor to_quantized(const Tensor& values, DType type, bool saturate) {
    if (base::is_float(type)) return values.cast(type, saturate);
    Tensor result(type, values.shape());
    base::visit(type, [&]<class T>() {
        const auto source = values.as<double>();
        const auto target = result.as<T>();
        for (std::size_t i = 0; i < target.size(); ++i)
            target[i] = static_cast<T>(from_double<base::arithmetic_t<T>>(source[i]));
    });
    return result;
}

Window centred(const Window& x, const Tensor& zero_point, DType type) {
    Window result{x.data.cast(DType::f64), x.box, x.full};
    if (zero_point) {
        const Tensor zeros = zero_point.cast(DType::f64);
        const Box all = Box::whole(zeros.shape());
        result.data = result.data.clone();
        const auto values = result.data.as<double>();
        std::size_t element = 0;
        for_each_index(x.box, [&](const Shape& index) {
            values[element++] -= zeros.as<double>()[offset_in(all, broadcast_index(index, zeros.shape()))];
        });
    }
    result.data = result.data.cast(type);
    return result;
}

Tensor along_axis(const Tensor& tensor, std::size_t axis, std::size_t rank) {
    if (!tensor || tensor.rank() != 1) return tensor;
    if (tensor.size() == 1) return tensor.reshaped({});
    Shape shape(rank, 1);
    shape[axis] = tensor.size();
    return tensor.reshaped(std::move(shape));
}

}  // namespace fovea::ops
