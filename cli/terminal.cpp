#include "terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace fovea::cli {
namespace {

/// Of files and pipes.
constexpr int kDefaultWidth = 160;
constexpr int kBar = 24;

}  // namespace

int output_width() {
    winsize size{};
    if (::isatty(STDOUT_FILENO) && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return kDefaultWidth;
}

Progress::Progress() : on_(::isatty(STDERR_FILENO) == 1), start_(Clock::now()) {}

Progress::~Progress() { finish(); }

void Progress::update(std::string_view stage, double fraction) {
    const auto now = Clock::now();
    if (!on_ || (drawn_ && now - last_ < std::chrono::milliseconds(100))) return;
    drawn_ = true;
    last_ = now;
    fraction = std::clamp(fraction, 0.0, 1.0);
    const int filled = static_cast<int>(fraction * kBar);
    std::string bar;
    for (int i = 0; i < kBar; ++i) bar += i < filled ? "█" : "·";
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const std::string left =
        fraction > 0.02 ? fmt::format("about {:.0f} s left", elapsed * (1 - fraction) / fraction) : "";
    std::fputs(fmt::format("\r\x1b[K{:<10} {} {:3.0f} %  {}", stage, bar, fraction * 100, left).c_str(), stderr);
    std::fflush(stderr);
}

void Progress::finish() {
    if (!drawn_) return;
    drawn_ = false;
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
}

}  // namespace fovea::cli
