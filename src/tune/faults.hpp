#pragma once

#include <optional>
#include <string>

#include "tune/timing_cache.hpp"

namespace fovea::tune {

/// What the numerics gate found wrong with a candidate.
struct Fault {
    double error = 0;       ///< largest error as a part of the largest value
    double bound = 0;       ///< that it broke
    bool unsteady = false;  ///< two runs on the same data gave different results; `error` is their difference
};
/// "error 0.12 of the largest value, at most 0.004 allowed"
std::string to_string(const Fault& fault);

/// What the cache holds against a candidate (see `candidate_key`): later builds do not choose it again.
std::optional<Fault> known_fault(const TimingCache& cache, const std::string& candidate);
void remember_fault(TimingCache& cache, const std::string& candidate, const Fault& fault);

}  // namespace fovea::tune
