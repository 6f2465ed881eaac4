#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fovea::report {

/// What a kernel can reach at most on this machine.
enum class Bound { none, compute, memory };

/// One kernel of a profiled plan.
struct KernelProfile {
    std::vector<std::string> nodes;  ///< the user's nodes
    std::string operators, type, tactic;
    double microseconds = 0;
    double flops = 0, bytes = 0;
    double limit_us = 0;  ///< time that the roofline allows; 0 where it says nothing
    Bound bound = Bound::none;
    std::vector<std::pair<std::string, double>> others;      ///< tactics not chosen, and their microseconds
    std::vector<std::pair<std::string, std::string>> wrong;  ///< tactics dropped, and what was wrong with their results
    double built_us = 0;                                     ///< of the chosen one when it was compared with them

    /// How many times as long as the roofline allows; 0 where it says nothing.
    [[nodiscard]] double gap() const { return limit_us > 0 ? microseconds / limit_us : 0; }
};

/// A profiled plan.
struct Profile {
    std::string title;
    std::vector<std::pair<std::string, std::string>> facts;        ///< shown at the top
    std::vector<KernelProfile> kernels;                            ///< in execution order
    std::vector<std::pair<std::string, double>> flops_per_second;  ///< peak by type
    double bytes_per_second = 0;                                   ///< of main memory
};

}  // namespace fovea::report
