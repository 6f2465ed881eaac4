#pragma once

#include <algorithm>

#include "ops/index.hpp"

namespace fovea::ops {

/// The tensor is cut into regions of `period` places along each axis (1: every place for itself; the tensor's size: the
/// whole axis) that share something, such as a mean. Smallest box of whole regions around `box`.
inline Box region_cover(const Box& box, const Shape& period) {
    Box cover = box;
    for (std::size_t i = 0; i < period.size(); ++i) {
        if (box.size[i] == 0) continue;
        cover.start[i] = box.start[i] / period[i] * period[i];
        cover.size[i] = ((box.start[i] + box.size[i] - 1) / period[i] + 1) * period[i] - cover.start[i];
    }
    return cover;
}

/// Calls `body(region, part)` for every region that `box` touches; `part` is what of it lies in `box`.
template <class Body>
void for_each_region(const Box& box, const Shape& period, const Body& body) {
    if (base::element_count(box.size) == 0) return;
    Box numbers = region_cover(box, period);
    for (std::size_t i = 0; i < period.size(); ++i) {
        numbers.start[i] /= period[i];
        numbers.size[i] /= period[i];
    }
    for_each_index(numbers, [&](const Shape& number) {
        Box region{number, period}, part = box;
        for (std::size_t i = 0; i < period.size(); ++i) {
            region.start[i] *= period[i];
            const std::int64_t end = std::min(box.start[i] + box.size[i], region.start[i] + period[i]);
            part.start[i] = std::max(box.start[i], region.start[i]);
            part.size[i] = end - part.start[i];
        }
        body(static_cast<const Box&>(region), static_cast<const Box&>(part));
    });
}

}  // namespace fovea::ops
