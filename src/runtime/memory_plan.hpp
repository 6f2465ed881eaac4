#pragma once

#include <cstddef>
#include <vector>

namespace fovea::runtime {

/// A block of memory that holds its content from the start of step `first` to the end of step `last`.
struct Lifetime {
    std::size_t bytes = 0;
    int first = 0, last = 0;
    std::size_t offset = 0;  ///< set by `plan_memory`, a multiple of 64
};

/// Gives every block an offset such that blocks alive at the same time do not overlap: largest first, each at the
/// lowest place that is free. Returns the size of the arena.
std::size_t plan_memory(std::vector<Lifetime>& blocks);

/// Largest sum of the bytes alive in any one step: no arena can be smaller.
std::size_t peak_demand(const std::vector<Lifetime>& blocks);

}  // namespace fovea::runtime
