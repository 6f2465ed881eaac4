#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fovea::report {

/// Something that ran for a while on one thread or device.
struct TraceEvent {
    std::string name, category;
    std::string track;  ///< shown as a thread, e.g. "cpu:0"
    double start_us = 0, duration_us = 0;
    std::vector<std::pair<std::string, std::string>> details;  ///< shown when the event is selected
};

/// Complete events in Chrome's trace format, as JSON; chrome://tracing and ui.perfetto.dev open it.
/// Source: "Trace Event Format", the Chromium project.
std::string chrome_trace(std::span<const TraceEvent> events);

}  // namespace fovea::report
