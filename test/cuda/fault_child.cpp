#include "cuda/fault_child.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "cuda/driver/calls.hpp"
#include "cuda/fault_network.hpp"

namespace fovea::test {
namespace {

constexpr const char* kTask = "FOVEA_TEST_TASK";

}  // namespace

Outcome run_child(const std::string& task, const std::string& kernels) {
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    const std::string command =
        "FOVEA_CUDA_CACHE='" + kernels + "' " + kTask + "='" + task + "' timeout 120 '" + program + "' 2>&1";
    FILE* output = popen(command.c_str(), "r");
    std::string text;
    for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) text += static_cast<char>(c);
    const int status = pclose(output);
    Outcome outcome{{}, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) outcome.lines.push_back(line);
    return outcome;
}

const char* child_task() { return std::getenv(kTask); }

int child(const std::string& task) {
    const std::size_t bar = task.find('|');
    const std::string name = task.substr(0, bar), argument = bar == std::string::npos ? "" : task.substr(bar + 1);
    if (name == "list") return list_call_sites();
    if (name == "illegal address") return access_illegal_address();
    if (name == "hide") return hide_function(argument);
    return fail_at_call_site(argument, name == "fail beside libraries");
}

}  // namespace fovea::test

int main(int argc, char** argv) {
    // Libraries for the real driver do not start on the pretended one.
    if (!fovea::test::kRealDriver)
        for (const char* function : {"cublasLtCreate", "cudnnCreate"}) fovea::test::hide(function);
    if (const char* task = fovea::test::child_task()) return fovea::test::child(task);
    setenv("FOVEA_CUDA_CACHE", "", 1);  // what the pretended compiler makes is of no use to others
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
