// cuDNN's plans, once made, come from the cache of compiled kernels.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/file.hpp"
#include "cuda/on_device.hpp"
#include "ir/text.hpp"

namespace fovea::backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConvolution = R"(graph "g" {
  input %x : f16[1, 64, 24, 24]
  input %r : f16[1, 64, 24, 24]
  const %w : f16[64, 64, 3, 3] = random(1)
  const %b : f16[64] = random(2)
  %c : f16[*] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}
  %s : f16[*] = Add(%c, %r)
  %y : f16[*] = Relu(%s)
  output "y" = %y
})";

/// A folder for compiled kernels, for the time of a test.
class KernelFolder {
  public:
    KernelFolder() : path_(fs::path(testing::TempDir()) / "fovea_cudnn_plans") {
        if (const char* before = std::getenv("FOVEA_CUDA_CACHE")) before_ = before;
        fs::remove_all(path_);
        setenv("FOVEA_CUDA_CACHE", path_.c_str(), 1);
    }
    ~KernelFolder() {
        before_.empty() ? unsetenv("FOVEA_CUDA_CACHE") : setenv("FOVEA_CUDA_CACHE", before_.c_str(), 1);
        fs::remove_all(path_);
    }
    KernelFolder(const KernelFolder&) = delete;
    KernelFolder& operator=(const KernelFolder&) = delete;

    /// The plans' files and when they were written.
    [[nodiscard]] std::map<std::string, fs::file_time_type> plans() const {
        std::map<std::string, fs::file_time_type> result;
        if (!fs::exists(path_)) return result;
        for (const auto& file : fs::directory_iterator(path_))
            if (file.path().extension() == ".cudnn") result[file.path()] = file.last_write_time();
        return result;
    }
    void spoil(const std::string& content) const {
        for (const auto& [path, time] : plans()) base::write_text(path, content);
    }

  private:
    fs::path path_;
    std::string before_;
};

/// The results of cuDNN's kernels, by a backend that knows none of its plans.
std::map<std::string, Tensor> results() {
    const auto backend = make_cuda_backend({});
    const ir::Graph graph = ir::parse(kConvolution);
    const OnDevice device(*backend, graph, compiler::random_inputs(graph, {{1, 64, 24, 24}, {1, 64, 24, 24}}, 3));
    std::map<std::string, Tensor> found;
    for (const Tactic& tactic : device.tactics())
        if (tactic.name.starts_with("cudnn:")) found[tactic.name] = device.run(tactic).at(0);
    return found;
}

TEST(CudnnPlans, AreKeptAndGiveTheSameBytes) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const KernelFolder folder;
    const auto made = results();
    if (made.empty()) GTEST_SKIP() << "skipped: cuDNN proposes nothing: " << cuda_status().text;
    const auto kept = folder.plans();
    ASSERT_FALSE(kept.empty()) << made.size() << " plans were made";
    const auto expect_the_same = [&](const char* what) {
        const auto again = results();
        ASSERT_EQ(again.size(), made.size()) << what;
        for (const auto& [name, result] : made) EXPECT_TRUE(again.at(name).equals(result)) << what << ": " << name;
    };
    expect_the_same("restored");
    EXPECT_EQ(folder.plans(), kept) << "plans were made again";
    folder.spoil("{\"not\": \"a plan\"}");
    expect_the_same("spoilt");
    folder.spoil("");
    expect_the_same("empty");
}

}  // namespace
}  // namespace fovea::backend
