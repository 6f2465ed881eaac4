#pragma once

#include <exception>
#include <string>
#include <vector>

namespace fovea {

/// What went wrong, in the order of the exit codes that the command line documents.
enum class ErrorCode {
    internal = 1,          ///< a bug of fovea itself
    invalid_argument = 2,  ///< a call or command line that cannot be meant
    invalid_model = 3,     ///< a broken, hostile or contradictory model
    unsupported = 4,       ///< a valid model that uses something fovea does not offer
    io = 5,                ///< a file could not be read or written
    corrupt_plan = 6,      ///< a plan whose bytes do not match their checksums or version
    out_of_range = 7,      ///< a shape outside the plan's profile, or a limit exceeded
    contract = 8,          ///< a precision floor, pin or budget cannot be met
    numerics = 9,          ///< the numerics gate refused the plan
};

/// The one exception type of fovea. `what()` reads "file › node › attribute › message"; contexts are added on the way
/// out with `in`, outermost last.
class Error : public std::exception {
  public:
    Error(ErrorCode code, std::string message);

    /// Adds an outer context such as a file or node name and returns the error, so that `throw e.in("node x")` works.
    Error& in(std::string context);

    [[nodiscard]] ErrorCode code() const noexcept { return code_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// Contexts, innermost first.
    [[nodiscard]] const std::vector<std::string>& context() const noexcept { return context_; }
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

  private:
    ErrorCode code_;
    std::string message_;
    std::vector<std::string> context_;
    std::string text_;
};

}  // namespace fovea
