#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "api/machine.hpp"
#include "fovea/version.hpp"
#include "machine.hpp"
#include "units.hpp"
#include "verb.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
    bool json = false, measure = false;
};

/// Something that costs speed or exactness of timing here, and what helps.
struct Finding {
    std::string what, remedy;
};

bool has(const Machine& machine, const char* set) {
    return std::find(machine.instruction_sets.begin(), machine.instruction_sets.end(), set) !=
           machine.instruction_sets.end();
}

void check_instructions(const Machine& machine, std::vector<Finding>& findings) {
    if (!has(machine, "avx2"))
        findings.push_back({"the processor has no AVX2: kernels run on SSE", "use a processor with AVX2 or newer"});
    else if (!has(machine, "avx512f"))
        findings.push_back({"the processor has no AVX-512: kernels run on AVX2",
                            "nothing is wrong; a processor with AVX-512 is about twice as fast"});
    if (!has(machine, "avx512_bf16") && !has(machine, "amx_bf16"))
        findings.push_back({"the processor has no bf16 arithmetic",
                            "build with --precision fp32: bf16 saves memory here, but no time"});
    else if (!has(machine, "amx_bf16"))
        findings.push_back({"the processor has no AMX: bf16 and int8 run on AVX-512",
                            "nothing is wrong; a processor with AMX is several times as fast in bf16 and int8"});
}

void check_cores(const Machine& machine, std::vector<Finding>& findings) {
    if (machine.allowed_cores < machine.logical_cores)
        findings.push_back(
            {fmt::format("this process may use {} of {} cores", machine.allowed_cores, machine.logical_cores),
             "start it without taskset, or with a wider cpuset"});
    if (machine.quota_cores > 0 && machine.quota_cores < machine.allowed_cores)
        findings.push_back(
            {fmt::format("the control group allows the time of {:.1f} cores; further threads would be throttled",
                         machine.quota_cores),
             fmt::format("build with --threads {}", std::max(1, static_cast<int>(std::floor(machine.quota_cores))))});
    if (machine.physical_cores < machine.allowed_cores)
        findings.push_back(
            {fmt::format("{} cores appear as {}", machine.physical_cores, machine.allowed_cores),
             fmt::format("try --threads {}: one thread a core is often faster", machine.physical_cores)});
    if (machine.load > 0.5 * machine.allowed_cores)
        findings.push_back(
            {fmt::format("other processes are busy (load {:.1f} on {} cores)", machine.load, machine.allowed_cores),
             "stop them before `build` and `bench`: times are not to be trusted"});
    if (!machine.governor.empty() && machine.governor != "performance")
        findings.push_back({"the clock is governed by \"" + machine.governor + "\"",
                            "for steady times: cpupower frequency-set -g performance"});
}

void check_environment(const Machine& machine, std::vector<Finding>& findings) {
    for (const char* name :
         {"OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"})
        if (const char* value = std::getenv(name))
            findings.push_back({fmt::format("{}={} is set", name, value),
                                fmt::format("unset {} unless it is meant: it changes what fovea uses", name)});
    if (machine.available_bytes > 0 && machine.available_bytes < 2e9)
        findings.push_back(
            {bytes(machine.available_bytes) + " of memory are free", "stop other programs, or build smaller shapes"});
}

Json to_json(const Machine& machine, const std::vector<Finding>& findings, const api::Roofline& roofline) {
    Json backends = Json::array(), list = Json::array(), peaks = Json::object(), memory = Json::array();
    for (const auto& backend : api::backend_facts())
        backends.push_back({{"name", backend.name},
                            {"target", backend.target},
                            {"library", backend.library},
                            {"precisions", backend.precisions},
                            {"missing", backend.missing}});
    for (const Finding& finding : findings) list.push_back({{"found", finding.what}, {"remedy", finding.remedy}});
    for (const auto& peak : roofline.peaks) peaks[peak.type] = peak.operations_per_second;
    for (const auto& level : roofline.memory)
        memory.push_back({{"bytes", level.bytes}, {"bytes_per_second", level.bytes_per_second}});
    return {{"version", version()},
            {"cpu", machine.cpu},
            {"system", machine.system},
            {"instruction_sets", machine.instruction_sets},
            {"cores",
             {{"logical", machine.logical_cores},
              {"allowed", machine.allowed_cores},
              {"physical", machine.physical_cores},
              {"quota", machine.quota_cores}}},
            {"load", machine.load},
            {"memory_bytes", machine.memory_bytes},
            {"available_bytes", machine.available_bytes},
            {"l2_bytes", machine.l2_bytes},
            {"l3_bytes", machine.l3_bytes},
            {"backends", backends},
            {"peak_flops_per_second", peaks},
            {"memory", memory},
            {"findings", list}};
}

void print(const Machine& machine, const std::vector<Finding>& findings, const api::Roofline& roofline) {
    const auto line = [](const char* title, const std::string& text) {
        std::cout << fmt::format("{:<13} {}\n", title, text);
    };
    line("fovea", std::string(version()) + ", " + machine.system);
    line("processor", machine.cpu);
    line("instructions", joined(machine.instruction_sets, " "));
    line("cores", fmt::format("{} usable of {}, {} physical{}", machine.allowed_cores, machine.logical_cores,
                              machine.physical_cores,
                              machine.quota_cores > 0 ? fmt::format(", time of {:.1f}", machine.quota_cores) : ""));
    line("caches",
         fmt::format("L2 {:.1f} MiB, L3 {:.1f} MiB", machine.l2_bytes / (1 << 20), machine.l3_bytes / (1 << 20)));
    line("memory", fmt::format("{} of {} free", bytes(machine.available_bytes), bytes(machine.memory_bytes)));
    for (const auto& backend : api::backend_facts()) {
        line("backend", backend.name + ", " + backend.target + (backend.library.empty() ? "" : ", " + backend.library));
        line("precisions", joined(backend.precisions, " "));
        for (const std::string& missing : backend.missing) line("", "no " + missing);
    }
    for (const auto& peak : roofline.peaks)
        line("peak", fmt::format("{} {:.0f} GFLOP/s", peak.type, peak.operations_per_second / 1e9));
    for (const auto& level : roofline.memory)
        line("copy", fmt::format("{:.1f} GB/s within {}", level.bytes_per_second / 1e9, bytes(level.bytes)));
    std::cout << (findings.empty() ? "\nNothing to improve was found.\n" : "\n");
    for (const Finding& finding : findings) std::cout << "- " << finding.what << "\n  " << finding.remedy << "\n";
}

void run(const Options& options) {
    const Machine machine = read_machine();
    std::vector<Finding> findings;
    check_instructions(machine, findings);
    check_cores(machine, findings);
    check_environment(machine, findings);
    const api::Roofline roofline =
        options.measure ? api::measure_roofline(std::max(1, machine.allowed_cores)) : api::Roofline();
    if (options.json)
        std::cout << to_json(machine, findings, roofline).dump() << "\n";
    else
        print(machine, findings, roofline);
}

}  // namespace

Verb doctor_verb() {
    return {"doctor", "Show what this machine offers and what is missing", [](CLI::App& app) -> std::function<void()> {
                const auto o = std::make_shared<Options>();
                app.add_flag("--measure", o->measure, "Also measure peak arithmetic and memory speed");
                app.add_flag("--json", o->json, "Print as JSON");
                app.footer(
                    "Examples:\n"
                    "  fovea doctor\n"
                    "  fovea doctor --measure --json");
                return [o] { run(*o); };
            }};
}

}  // namespace fovea::cli
