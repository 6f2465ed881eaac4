#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fovea::runtime {

/// Memory that a launch reads or writes: `width` bytes in every `pitch`, from `begin` to `end`.
struct Span {
    std::uintptr_t begin = 0, end = 0;
    std::size_t width = 0, pitch = 0;

    /// Whether the two have a byte in common; of rows of different pitch, whether they lie in one another's reach.
    [[nodiscard]] bool meets(const Span& other) const;
};

struct Accesses {
    std::vector<Span> reads, writes;
};

/// Where a launch goes when launches that do not depend on each other may run side by side.
struct Branch {
    std::size_t queue = 0;
    std::vector<std::size_t> awaits;  ///< launches in other queues that must have ended
};

/// Spreads launches over at most `queues` queues: each behind one that it depends on, where that is a queue's last, and
/// else in a queue of its own. The order in each queue is that of the list.
std::vector<Branch> plan_branches(const std::vector<Accesses>& launches, std::size_t queues);

}  // namespace fovea::runtime
