#pragma once

#include <cstddef>
#include <vector>

#include "fovea/dtype.hpp"

namespace fovea::backend::cpu {

/// Multiplications and additions per second (a multiply-add counts two).
struct Peak {
    DType type;
    double operations_per_second;
};

/// What `threads` threads reach with nothing but the widest multiply-add instruction of each type that this machine has
/// one for (AMX, AVX-512, AVX2); f32 first. Takes about a tenth of a second.
std::vector<Peak> measure_peaks(int threads);

/// Speed of copying, bytes read plus bytes written.
struct Bandwidth {
    std::size_t bytes;  ///< source and target together
    double bytes_per_second;
};

/// For working sets that fit into the second-level caches, into the last-level cache, and into neither; ascending.
/// Takes about a third of a second.
std::vector<Bandwidth> measure_bandwidth(int threads);

}  // namespace fovea::backend::cpu
