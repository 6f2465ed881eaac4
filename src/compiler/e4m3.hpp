#pragma once

#include "compiler/comparison.hpp"

namespace fovea::compiler {

/// Real numbers from `low` to `high`, both included.
struct Interval {
    double low = 0, high = 0;
};

/// The real numbers that round to `stored`, a finite number of e4m3: from halfway to its one neighbour to halfway to
/// the other; with the largest, all beyond it.
Interval rounding_to(float stored);

/// Adds a result in e4m3 to a comparison with what it should be before rounding: they differ by what the latter would
/// have to change by, to be rounded to the former.
void add_stored(Comparison& comparison, float stored, double exact);

}  // namespace fovea::compiler
