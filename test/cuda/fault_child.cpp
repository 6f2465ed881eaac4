#include "cuda/fault_child.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
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
    // Named here, not by a shell: tasks hold any character.
    std::vector<std::string> words = {"env",  "FOVEA_CUDA_CACHE=" + kernels, kTask + ("=" + task), "timeout", "120",
                                      program};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return {{"no pipe"}, 1};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) posix_spawn_file_actions_adddup2(&actions, ends[1], stream);
    pid_t process = 0;
    const int error = posix_spawnp(&process, "env", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE* output = fdopen(ends[0], "r");
    std::string text;
    for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) text += static_cast<char>(c);
    std::fclose(output);
    if (error != 0) return {{std::strerror(error)}, 1};
    int status = 0;
    waitpid(process, &status, 0);
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
