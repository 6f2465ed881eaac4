#pragma once

#include <string>
#include <vector>

namespace fovea::runtime {
class Engine;
}

namespace fovea::api {

/// A backend of this binary and what it makes of this machine.
struct BackendFacts {
    std::string name, target;
    std::string library;  ///< with its version; empty where it needs none
    /// Types that networks can be computed in, as `--precision` takes them, and why each of the others cannot be.
    std::vector<std::string> precisions, missing;
};
std::vector<BackendFacts> backend_facts();

/// Upper bounds of this machine, measured.
struct Roofline {
    struct Peak {
        std::string type;
        double operations_per_second;
    };
    struct Memory {
        double bytes;  ///< working set
        double bytes_per_second;
    };
    std::vector<Peak> peaks;     ///< f32 first
    std::vector<Memory> memory;  ///< ascending by working set; the last one exceeds the caches

    /// Least microseconds that `flops` operations in `type` take; by f32's peak where the type has none of its own.
    [[nodiscard]] double compute_us(const std::string& type, double flops) const;
    /// Least microseconds that moving `bytes` takes, at the speed of the smallest memory that holds them.
    [[nodiscard]] double memory_us(double bytes) const;
};

/// Measures with `threads` threads; takes about half a second.
Roofline measure_roofline(int threads);

/// That of the GPU of an engine, by its data; of the processor, as measured with its threads, where it has none.
Roofline roofline_of(const runtime::Engine& engine);

}  // namespace fovea::api
