#pragma once

#include <cstdint>
#include <vector>

#include "fovea/dtype.hpp"

namespace fovea::backend::cpu {

/// A loop of independent multiply-adds on registers.
struct PeakLoop {
    DType type;
    double operations;                ///< of one repetition; a multiply-add counts two
    void (*run)(std::int64_t count);  ///< `count` repetitions on the calling thread
};

/// Those that this machine can run; one that runs everywhere comes first.
std::vector<PeakLoop> peak_loops();

}  // namespace fovea::backend::cpu
