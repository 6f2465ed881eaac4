#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace fovea::cli {

/// Columns that standard output offers: the terminal's, or 120 where it is none.
int output_width();

/// A line on standard error with stage, bar and time left; silent where standard error is no terminal. Stays on one
/// line, which is erased at the end.
class Progress {
  public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// `fraction` of the whole work is done.
    void update(std::string_view stage, double fraction);
    void finish();

  private:
    using Clock = std::chrono::steady_clock;
    bool on_;
    bool drawn_ = false;
    Clock::time_point start_, last_;
};

}  // namespace fovea::cli
