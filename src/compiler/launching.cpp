#include "compiler/launching.hpp"

#include <algorithm>

namespace fovea::compiler {
namespace {

/// Every way is timed so often, by turns, and the least of its times counts.
constexpr int kTurns = 3, kReplays = 25;
/// What another way than in a row must save: less is within what measurements vary by.
constexpr double kGain = 0.99;

std::vector<plan::Launching> ways(const backend::Device& device) {
    std::vector<plan::Launching> list = {{}, {.branched = true}};
    if (device.overlaps()) list.insert(list.end(), {{.overlapped = true}, {.overlapped = true, .branched = true}});
    return list;
}

}  // namespace

MeasuredLaunching choose_launching(const backend::Device& device, tune::TimingCache& cache, const std::string& key,
                                   const std::filesystem::path& lock, const std::function<runtime::Context&()>& open) {
    MeasuredLaunching result;
    const auto key_of = [&](const plan::Launching& way) { return key + "launched " + plan::to_string(way); };
    bool known = true;
    for (const plan::Launching& way : ways(device)) {
        const auto us = cache.find(key_of(way));
        known = known && us;
        result.us.emplace_back(way, us.value_or(0));
    }
    if (!known) {
        runtime::DeviceRun& run = *open().device();
        const tune::Turn turn_of_builds(lock);
        for (int turn = 0; turn < kTurns; ++turn)
            for (auto& [way, us] : result.us) {
                const double found = run.time(way, kReplays);
                us = turn == 0 ? found : std::min(us, found);
            }
        for (const auto& [way, us] : result.us) cache.insert(key_of(way), us);
    }
    double best = kGain * result.us[0].second;
    for (const auto& [way, us] : result.us)
        if (us < best) {
            best = us;
            result.best = way;
        }
    return result;
}

}  // namespace fovea::compiler
