#include "machine.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace fovea::cli {
namespace {

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// The values of a key in /proc/cpuinfo, one per core.
std::vector<std::string> cpuinfo(const std::string& key) {
    std::ifstream file("/proc/cpuinfo");
    std::vector<std::string> values;
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
        if (line.find_first_not_of(" \t", key.size()) != colon) continue;
        const std::size_t begin = line.find_first_not_of(' ', colon + 1);
        values.push_back(begin == std::string::npos ? "" : line.substr(begin));
    }
    return values;
}

/// A number with K, M or G behind it, as /sys writes cache sizes.
double size_with_unit(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const double unit = *end == 'K' ? 1024.0 : *end == 'M' ? 1024.0 * 1024 : *end == 'G' ? 1024.0 * 1024 * 1024 : 1;
    return number * unit;
}

double cache_bytes(int level) {
    for (int index = 0; index < 8; ++index) {
        const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
        if (first_line(folder + "/level") == std::to_string(level)) return size_with_unit(first_line(folder + "/size"));
    }
    return 0;
}

double meminfo(const std::string& key) {
    std::ifstream file("/proc/meminfo");
    for (std::string line; std::getline(file, line);)
        if (line.compare(0, key.size() + 1, key + ":") == 0)
            return std::strtod(line.c_str() + key.size() + 1, nullptr) * 1024;
    return 0;
}

/// Of both versions of Linux's control groups.
double quota() {
    double allowed = 0, period = 0;
    std::istringstream both(first_line("/sys/fs/cgroup/cpu.max"));
    if (both >> allowed >> period && period > 0) return allowed / period;
    allowed = std::strtod(first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").c_str(), nullptr);
    period = std::strtod(first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str(), nullptr);
    return allowed > 0 && period > 0 ? allowed / period : 0;
}

std::vector<int> allowed_cores() {
    cpu_set_t set;
    std::vector<int> cores;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
    for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores;
}

int physical(const std::vector<int>& cores) {
    std::set<std::string> siblings;
    for (const int core : cores) {
        const std::string list =
            first_line("/sys/devices/system/cpu/cpu" + std::to_string(core) + "/topology/thread_siblings_list");
        siblings.insert(list.empty() ? std::to_string(core) : list);
    }
    return static_cast<int>(siblings.size());
}

std::vector<std::string> instruction_sets() {
    constexpr std::array kKnown = {"sse4_1",      "avx",      "avx2",     "fma",         "f16c",
                                   "avx_vnni",    "avx512f",  "avx512bw", "avx512_vnni", "avx512_bf16",
                                   "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"};
    const auto flags = cpuinfo("flags");
    std::istringstream words(flags.empty() ? "" : flags.front());
    std::set<std::string> present;
    for (std::string word; words >> word;) present.insert(word);
    std::vector<std::string> result;
    std::copy_if(kKnown.begin(), kKnown.end(), std::back_inserter(result),
                 [&](const char* name) { return present.contains(name); });
    return result;
}

}  // namespace

std::string cpu_name() {
    const auto names = cpuinfo("model name");
    return names.empty() ? "unknown" : names.front();
}

Machine read_machine() {
    Machine machine;
    const auto cores = allowed_cores();
    machine.cpu = cpu_name();
    machine.logical_cores = static_cast<int>(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 0L));
    machine.allowed_cores = static_cast<int>(cores.size());
    machine.physical_cores = physical(cores);
    machine.quota_cores = quota();
    double load = 0;
    if (::getloadavg(&load, 1) == 1) machine.load = load;
    machine.memory_bytes = meminfo("MemTotal");
    machine.available_bytes = meminfo("MemAvailable");
    machine.l2_bytes = cache_bytes(2);
    machine.l3_bytes = cache_bytes(3);
    machine.instruction_sets = instruction_sets();
    machine.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    utsname system{};
    if (::uname(&system) == 0) machine.system = std::string(system.sysname) + " " + system.release;
    return machine;
}

}  // namespace fovea::cli
