#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fovea::cli {

/// What Linux says about this machine; 0 and empty where it says nothing.
struct Machine {
    std::string cpu;
    int logical_cores = 0;   ///< of the machine
    int allowed_cores = 0;   ///< that this process may run on
    int physical_cores = 0;  ///< among those
    double quota_cores = 0;  ///< processor time that the control group allows, in cores; 0: no limit
    double load = 0;         ///< average number of processes that wanted to run in the last minute
    double memory_bytes = 0, available_bytes = 0;
    double l2_bytes = 0, l3_bytes = 0;          ///< one cache of each
    std::vector<std::string> instruction_sets;  ///< those that matter here, e.g. "avx2", "amx_bf16"
    std::string governor;                       ///< of the first core's clock
    std::string system;                         ///< name and release of the kernel
};
Machine read_machine();

/// The processor's name.
std::string cpu_name();

}  // namespace fovea::cli
