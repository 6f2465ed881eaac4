#pragma once

#include "ops/elements.hpp"

namespace fovea::ops {

struct Moments {
    double mean, variance;
};

/// Mean and population variance of the elements in `region`.
inline Moments moments(const Reals& x, const Box& region) {
    const auto count = static_cast<double>(base::element_count(region.size));
    double sum = 0, squares = 0;
    for_each_index(region, [&](const Shape& at) { sum += x[at]; });
    const double mean = sum / count;
    for_each_index(region, [&](const Shape& at) { squares += (x[at] - mean) * (x[at] - mean); });
    return {mean, squares / count};
}

}  // namespace fovea::ops
