#include "api/machine.hpp"

#include "api/backends.hpp"
#include "backend/cpu/cpu.hpp"
#include "backend/cpu/peak.hpp"
#include "backend/cuda/cuda.hpp"
#include "backend/instruments.hpp"
#include "runtime/engine.hpp"

namespace fovea::api {

std::vector<BackendFacts> backend_facts() {
    std::vector<BackendFacts> facts;
    for (const auto& backend : backends()) {
        BackendFacts& one = facts.emplace_back();
        one.name = backend->name();
        one.target = backend->target();
        one.library = one.name == "cpu" ? backend::cpu_library() : "";
        for (const auto& [type, name] : {std::pair{DType::f32, "fp32"}, {DType::bf16, "bf16"}, {DType::f16, "fp16"}})
            if (const auto refusal = backend->precision_refusal(type))
                one.missing.push_back(std::string(name) + ": " + refusal->detail);
            else
                one.precisions.emplace_back(name);
    }
    const auto cuda = backend::cuda_status();
    for (const std::string& device : cuda.devices)
        facts.push_back({device.substr(0, device.find(' ')),
                         device.substr(device.find(' ') + 1),
                         cuda.text,
                         {"fp32", "tf32", "bf16", "fp16"},
                         {}});
    if (!cuda.usable) facts.push_back({"cuda", "not usable", cuda.text, {}, {}});
    return facts;
}

double Roofline::compute_us(const std::string& type, double flops) const {
    const std::string& wanted = type == "u8" ? std::string("i8") : type;
    for (const Peak& peak : peaks)
        if (peak.type == wanted) return flops / peak.operations_per_second * 1e6;
    return peaks.empty() ? 0 : flops / peaks.front().operations_per_second * 1e6;
}

double Roofline::memory_us(double bytes) const {
    for (const Memory& level : memory)
        if (bytes <= level.bytes) return bytes / level.bytes_per_second * 1e6;
    return memory.empty() ? 0 : bytes / memory.back().bytes_per_second * 1e6;
}

Roofline measure_roofline(int threads) {
    Roofline roofline;
    for (const auto& peak : backend::cpu::measure_peaks(threads))
        roofline.peaks.push_back({std::string(to_string(peak.type)), peak.operations_per_second});
    for (const auto& level : backend::cpu::measure_bandwidth(threads))
        roofline.memory.push_back({static_cast<double>(level.bytes), level.bytes_per_second});
    return roofline;
}

Roofline roofline_of(const runtime::Engine& engine) {
    const backend::Instruments* instruments = engine.device() ? engine.device()->instruments() : nullptr;
    if (!instruments) return measure_roofline(engine.threads());
    const backend::Peaks peaks = instruments->peaks();
    Roofline roofline;
    for (const auto& [type, rate] : peaks.flops_per_second) roofline.peaks.push_back({type, rate});
    roofline.memory = {{0, peaks.bytes_per_second}};
    return roofline;
}

}  // namespace fovea::api
