#include "runtime/memory_plan.hpp"

#include <algorithm>
#include <numeric>

#include "base/checked.hpp"

namespace fovea::runtime {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) { return base::round_up(bytes, kAlignment); }

/// Lowest offset at which `bytes` fit between the blocks of `taken`, which are sorted by offset.
std::size_t lowest_gap(const std::vector<const Lifetime*>& taken, std::size_t bytes) {
    std::size_t offset = 0;
    for (const Lifetime* block : taken) {
        if (offset + bytes <= block->offset) return offset;
        offset = std::max(offset, block->offset + aligned(block->bytes));
    }
    return offset;
}

}  // namespace

std::size_t plan_memory(std::vector<Lifetime>& blocks) {
    std::vector<std::size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
    std::vector<const Lifetime*> placed;  // sorted by offset
    std::size_t arena = 0;
    for (const std::size_t i : order) {
        Lifetime& block = blocks[i];
        std::vector<const Lifetime*> overlapping;
        for (const Lifetime* other : placed)
            if (other->first <= block.last && block.first <= other->last) overlapping.push_back(other);
        block.offset = lowest_gap(overlapping, aligned(block.bytes));
        arena = std::max(arena, block.offset + aligned(block.bytes));
        placed.insert(std::upper_bound(placed.begin(), placed.end(), &block,
                                       [](const Lifetime* a, const Lifetime* b) { return a->offset < b->offset; }),
                      &block);
    }
    return arena;
}

std::size_t peak_demand(const std::vector<Lifetime>& blocks) {
    int last = -1;
    for (const Lifetime& block : blocks) last = std::max(last, block.last);
    std::vector<std::size_t> alive(static_cast<std::size_t>(last + 1), 0);
    for (const Lifetime& block : blocks)
        for (int step = std::max(block.first, 0); step <= block.last; ++step)
            alive[static_cast<std::size_t>(step)] += block.bytes;
    return alive.empty() ? 0 : *std::max_element(alive.begin(), alive.end());
}

}  // namespace fovea::runtime
