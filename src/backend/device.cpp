#include "backend/device.hpp"

namespace fovea::backend {

double time_calls(Stream& stream, const std::function<void()>& enqueue) {
    constexpr int kCalls = 10, kReplays = 7;
    const auto recording = stream.record([&] {
        for (int i = 0; i < kCalls; ++i) enqueue();
    });
    stream.replay(*recording);
    return stream.time(*recording, kReplays) / kCalls;
}

}  // namespace fovea::backend
