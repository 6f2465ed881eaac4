#include "onnxruntime.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>
#include <vector>

#include "base/file.hpp"
#include "fovea/error.hpp"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScript = R"(
import sys
import numpy, onnxruntime
model, inputs, outputs = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
arrays = numpy.load(inputs)
numpy.savez(outputs, **dict(zip(names, session.run(names, {name: arrays[name] for name in arrays.files}))))
)";

/// A folder that is gone when its owner is.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "fovea-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw Error(ErrorCode::io, "no temporary folder could be made").in(name);
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

/// Runs a program with both of its outputs in `log`; returns whether it ended well.
bool run_program(std::vector<std::string> arguments, const fs::path& log) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    pid_t child = 0;
    const int problem = ::posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    return problem == 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string last_line(const fs::path& file) {
    std::error_code missing;
    if (!fs::exists(file, missing)) return "the program could not be started";
    std::istringstream lines(base::read_text(file));
    std::string last;
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) last = line;
    return last.empty() ? "the program could not be started" : last;
}

}  // namespace

Oracle onnxruntime_oracle(const fs::path& model, const std::string& python) {
    const auto folder = std::make_shared<const TemporaryFolder>();
    return [=](const Tensors& inputs) {
        const fs::path in = folder->path() / "in.npz", out = folder->path() / "out.npz", log = folder->path() / "log";
        write_npz(in, inputs);
        if (!run_program({python, "-c", kScript, model.string(), in.string(), out.string()}, log))
            throw Error(ErrorCode::unsupported, "ONNX Runtime gave no result: " + last_line(log) +
                                                    " › name a Python that has the package onnxruntime with --python")
                .in(python);
        return read_npz(out);
    };
}

}  // namespace fovea::cli
