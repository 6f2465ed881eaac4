#pragma once

#include <string>
#include <vector>

/// Faults that are tried in processes of their own: this program again, which `main` then sends to `child`.
namespace fovea::test {

struct Outcome {
    std::vector<std::string> lines;  ///< that the process printed
    int status = 0;                  ///< its exit status; 128 and the signal's number after a crash
};

/// What a child returns where there is no GPU.
inline constexpr int kSkipped = 77;

/// Runs this program again for one task; compiled kernels are kept in the folder `kernels`, or nowhere.
Outcome run_child(const std::string& task, const std::string& kernels = {});

/// The task of this process, when it is a child.
const char* child_task();
/// Does the task and returns the exit status.
int child(const std::string& task);

// The tasks.
int list_call_sites();
int fail_at_call_site(const std::string& site, bool libraries);
int access_illegal_address();
int hide_function(const std::string& function);

}  // namespace fovea::test
