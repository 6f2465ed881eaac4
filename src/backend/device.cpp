#include "backend/device.hpp"

#include <algorithm>

namespace fovea::backend {

double time_calls(Stream& stream, const std::function<void()>& enqueue) {
    constexpr int kCalls = 10, kReplays = 7;
    const auto recording = stream.record([&] {
        for (int i = 0; i < kCalls; ++i) enqueue();
    });
    stream.replay(*recording);
    return stream.time(*recording, kReplays) / kCalls;
}

double time_cold_calls(Stream& stream, const std::vector<std::span<const std::byte>>& kept,
                       const std::function<void()>& enqueue) {
    stream.cool(kept);  // what it allocates cannot be recorded
    const double cooling = time_calls(stream, [&] { stream.cool(kept); });
    const double both = time_calls(stream, [&] {
        stream.cool(kept);
        enqueue();
    });
    return std::max(both - cooling, 0.0);
}

}  // namespace fovea::backend
