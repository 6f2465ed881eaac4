#include "units.hpp"

#include <fmt/format.h>

#include <array>

namespace fovea::cli {
namespace {

std::string three_digits(double number) {
    if (number >= 99.95) return fmt::format("{:.0f}", number);
    return fmt::format("{:.{}f}", number, number >= 9.995 ? 1 : 2);
}

std::string with_prefix(double number, const char* unit) {
    constexpr std::array kPrefixes = {"", "k", "M", "G", "T", "P"};
    std::size_t prefix = 0;
    while (number >= 999.5 && prefix + 1 < kPrefixes.size()) {
        number /= 1000;
        ++prefix;
    }
    const std::string text = prefix == 0 ? fmt::format("{:.0f}", number) : three_digits(number);
    const std::string tail = std::string(kPrefixes[prefix]) + unit;
    return tail.empty() ? text : text + " " + tail;
}

}  // namespace

std::string milliseconds(double microseconds) {
    return microseconds < 100    ? fmt::format("{:.4f}", microseconds / 1000)
           : microseconds < 1000 ? fmt::format("{:.3f}", microseconds / 1000)
                                 : three_digits(microseconds / 1000);
}

std::string scaled(double number) { return with_prefix(number, ""); }

std::string bytes(double number) { return with_prefix(number, "B"); }

std::string percent(double part, double whole) { return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : "–"; }

std::string scientific(double number) { return fmt::format("{:.1e}", number); }

std::string joined(const std::vector<std::string>& list, const char* separator) {
    std::string text;
    for (const std::string& item : list) text += (text.empty() ? "" : separator) + item;
    return text;
}

}  // namespace fovea::cli
