#include "tune/faults.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>

namespace fovea::tune {
namespace {

// Behind the keys of candidates, among the times: files of all versions hold numbers.
constexpr const char *kError = "|error", *kBound = "|bound", *kUnsteady = "|unsteady";

std::string number(double value) {
    if (value >= std::numeric_limits<double>::max()) return "without limit";
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3g", value);
    return buffer;
}

}  // namespace

std::string to_string(const Fault& fault) {
    if (fault.unsteady) return "results differ from run to run, by " + number(fault.error) + " of the largest value";
    return "error " + number(fault.error) + " of the largest value, at most " + number(fault.bound) + " allowed";
}

std::optional<Fault> known_fault(const TimingCache& cache, const std::string& candidate) {
    if (const auto difference = cache.find(candidate + kUnsteady)) return Fault{*difference, 0, true};
    const auto error = cache.find(candidate + kError), bound = cache.find(candidate + kBound);
    return error && bound ? std::optional(Fault{*error, *bound}) : std::nullopt;
}

void remember_fault(TimingCache& cache, const std::string& candidate, const Fault& fault) {
    // JSON has no infinity.
    const double error = std::min(fault.error, std::numeric_limits<double>::max());
    cache.insert(candidate + (fault.unsteady ? kUnsteady : kError), error);
    if (!fault.unsteady) cache.insert(candidate + kBound, fault.bound);
}

}  // namespace fovea::tune
