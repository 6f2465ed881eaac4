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
    for (const std::string& gpu : backend::cuda_status().devices) names += ", " + gpu.substr(0, gpu.find(' '));
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

bool rounds_to_tf32(const plan::Plan& plan) {
    return std::ranges::any_of(plan.targets, [](const plan::TargetSection& target) { return target.tf32; });
}

runtime::Backends backends_for(const plan::Plan& plan, std::string_view device) {
    if (!device.empty()) return backends_for(device, rounds_to_tf32(plan));
    const auto on_gpu = [](const plan::TargetSection& target) { return target.backend == "cuda"; };
    if (std::ranges::none_of(plan.targets, on_gpu)) return backends();
    try {
        return backends_for("cuda:0", rounds_to_tf32(plan));
    } catch (const Error&) {
        // A plan that also has a section for the processor runs there on machines without a GPU.
        if (std::ranges::all_of(plan.targets, on_gpu)) throw;
        return backends();
    }
}

}  // namespace fovea::api
