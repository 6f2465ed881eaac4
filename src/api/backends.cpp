#include "api/backends.hpp"

#include <algorithm>
#include <charconv>

#include "backend/cpu/cpu.hpp"
#include "backend/cuda/cuda.hpp"
#include "backend/reference/reference.hpp"
#include "fovea/error.hpp"

namespace fovea::api {
namespace {

/// The number in "cuda" or "cuda:1"; nothing for other devices.
std::optional<int> gpu_number(std::string_view device) {
    if (device == "cuda") return 0;
    if (!device.starts_with("cuda:")) return std::nullopt;
    int number = -1;
    const auto [end, error] = std::from_chars(device.data() + 5, device.data() + device.size(), number);
    if (error != std::errc() || end != device.data() + device.size()) return std::nullopt;
    return number;
}

[[noreturn]] void refuse(std::string_view device, const runtime::Backends& present, const std::string& why) {
    std::string names;
    for (const auto& backend : present) names += (names.empty() ? "" : ", ") + std::string(backend->name());
    throw Error(ErrorCode::invalid_argument,
                "this machine has no device \"" + std::string(device) + "\"; it has " + names + why);
}

}  // namespace

runtime::Backends backends() { return {backend::make_cpu_backend(), backend::make_reference_backend()}; }

runtime::Backends backends_for(std::string_view device, bool tf32) {
    runtime::Backends all = backends();
    if (const auto gpu = gpu_number(device)) try {
            all.insert(all.begin(), backend::make_cuda_backend({*gpu, tf32}));
            return all;
        } catch (const Error& error) {
            refuse(device, all, "; " + error.message());
        }
    runtime::Backends result = all;
    while (!result.empty() && result.front()->name() != device) result.erase(result.begin());
    if (result.empty()) refuse(device, all, "");
    return result;
}

runtime::Backends backends_for(const plan::Plan& plan, std::string_view device) {
    const auto gpu = std::find_if(plan.targets.begin(), plan.targets.end(),
                                  [](const plan::TargetSection& target) { return target.backend == "cuda"; });
    if (!device.empty()) return backends_for(device, gpu != plan.targets.end() && gpu->tf32);
    if (gpu == plan.targets.end()) return backends();
    try {
        return backends_for("cuda:0", gpu->tf32);
    } catch (const Error&) {
        // A plan that also has a section for the processor runs there on machines without a GPU.
        if (plan.targets.size() == 1) throw;
        return backends();
    }
}

}  // namespace fovea::api
