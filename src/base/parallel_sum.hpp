#pragma once

#include <algorithm>
#include <vector>

#include "base/parallel.hpp"

namespace fovea::base {

/// `part(begin, end)` of pieces of [0, count), joined from the first to the last by `Result::join`: the same result
/// whatever the number of threads. `part` must not throw.
template <class Result, class Part>
Result parallel_sum(std::int64_t count, std::int64_t piece, const Part& part) {
    std::vector<Result> results(static_cast<std::size_t>((count + piece - 1) / piece));
    parallel_for(static_cast<std::int64_t>(results.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            results[static_cast<std::size_t>(i)] = part(i * piece, std::min(count, (i + 1) * piece));
    });
    Result all = part(0, 0);
    for (const Result& result : results) all.join(result);
    return all;
}

}  // namespace fovea::base
