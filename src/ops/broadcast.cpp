#include "ops/broadcast.hpp"

#include <cstring>

#include "ops/expect.hpp"
#include "ops/index.hpp"

namespace fovea::ops {

std::optional<ir::Dims> broadcast_inputs(const InferContext& c, std::size_t first, std::size_t last) {
    std::optional<ir::Dims> result = ir::Dims();
    for (std::size_t i = first; i <= last && i < c.input_count(); ++i) {
        if (!c.has(i)) continue;
        if (!c.dims(i)) return std::nullopt;
        result = broadcast_dims(c, *result, *c.dims(i));
    }
    return result;
}

Box broadcast_box(const ShapeContext& c, int input, const Box& box) {
    const Shape& shape = c.inputs[static_cast<std::size_t>(input)];
    Box need{Shape(shape.size(), 0), Shape(shape.size(), 1)};
    const std::size_t skipped = box.start.size() - shape.size();
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1) continue;
        need.start[i] = box.start[skipped + i];
        need.size[i] = box.size[skipped + i];
    }
    return need;
}

Tensor broadcast_to(const Window& window, const Box& box) {
    if (window.full.size() == box.size.size() && window.box == box) return window.data;
    const std::size_t rank = box.size.size(), skipped = rank - window.full.size(),
                      bytes = element_bytes(window.data.dtype());
    const Shape strides = base::row_major_strides(window.box.size);
    Tensor result(window.data.dtype(), box.size);
    std::byte* target = result.raw();
    for_each_index(box, [&](const Shape& index) {
        std::int64_t offset = 0;
        for (std::size_t i = 0; i < window.full.size(); ++i)
            if (window.full[i] != 1) offset += (index[skipped + i] - window.box.start[i]) * strides[i];
        std::memcpy(target, window.data.raw() + static_cast<std::size_t>(offset) * bytes, bytes);
        target += bytes;
    });
    return result;
}

void map_real(BoxContext& c, const std::function<double(double)>& function) { map<double>(c, function); }

}  // namespace fovea::ops
