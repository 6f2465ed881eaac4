#include "report/trace.hpp"

#include <map>
#include <nlohmann/json.hpp>

namespace fovea::report {

std::string chrome_trace(std::span<const TraceEvent> events) {
    using Json = nlohmann::ordered_json;
    Json list = Json::array();
    std::map<std::string, int> tracks;
    for (const TraceEvent& event : events) {
        const auto [track, added] = tracks.emplace(event.track, static_cast<int>(tracks.size()) + 1);
        if (added)
            list.push_back({{"ph", "M"},
                            {"name", "thread_name"},
                            {"pid", 1},
                            {"tid", track->second},
                            {"args", {{"name", event.track}}}});
        Json details = Json::object();
        for (const auto& [key, value] : event.details) details[key] = value;
        list.push_back({{"ph", "X"},
                        {"name", event.name},
                        {"cat", event.category},
                        {"pid", 1},
                        {"tid", track->second},
                        {"ts", event.start_us},
                        {"dur", event.duration_us},
                        {"args", details}});
    }
    // Names come from models, which need not hold valid UTF-8.
    return Json{{"traceEvents", list}, {"displayTimeUnit", "ms"}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace fovea::report
