#pragma once

#include <cstdint>

namespace fovea::backend::cuda {

/// What the kernels divide indices by; see `divide` in kernels/prelude.cuh.
struct Divisor {
    std::uint32_t multiplier, shift, divisor;
};

/// Exact for dividends below 2^31. `divisor` is at least 1.
inline Divisor make_divisor(std::int64_t divisor) {
    std::uint32_t shift = 0;
    while ((std::int64_t{1} << shift) < divisor) ++shift;
    const std::uint64_t power = std::uint64_t{1} << 32;
    const auto d = static_cast<std::uint64_t>(divisor);
    return {static_cast<std::uint32_t>(power * ((std::uint64_t{1} << shift) - d) / d + 1), shift,
            static_cast<std::uint32_t>(divisor)};
}

#include "backend/cuda/kernels/arguments.hpp"

}  // namespace fovea::backend::cuda
