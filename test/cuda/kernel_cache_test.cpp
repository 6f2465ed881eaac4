// What is kept of compiled kernels, and what damage to its files does.
#include "backend/cuda/kernel_cache.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.hpp"

namespace fovea::backend::cuda {
namespace {

namespace fs = std::filesystem;

class KernelCache : public testing::Test {
  protected:
    void SetUp() override {
        if (const char* before = std::getenv("FOVEA_CUDA_CACHE")) before_ = before;
        fs::remove_all(folder_);
        setenv("FOVEA_CUDA_CACHE", folder_.c_str(), 1);
    }
    void TearDown() override {
        setenv("FOVEA_CUDA_CACHE", before_.c_str(), 1);
        fs::remove_all(folder_);
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("fovea_kernel_cache_" + std::to_string(getpid()));
    const std::vector<char> content_ = {'n', '\0', 'n', 'e'};
    std::string before_;
};

TEST_F(KernelCache, GivesBackWhatWasWritten) {
    EXPECT_TRUE(read_cached("a.cubin").empty());
    write_cached("a.cubin", content_);
    EXPECT_EQ(read_cached("a.cubin"), content_);
    EXPECT_TRUE(read_cached("b.cubin").empty());
}

TEST_F(KernelCache, DamagedFilesCountForNothingAndAreReplaced) {
    write_cached("a.cubin", content_);
    const std::string whole = base::read_text(folder_ / "a.cubin");
    std::string other = whole;
    other.back() ^= 1;
    for (const std::string& damaged : {whole.substr(0, whole.size() - 1), whole.substr(0, 7), std::string(), other,
                                       whole + "x", std::string(content_.begin(), content_.end())}) {
        base::write_text(folder_ / "a.cubin", damaged);
        EXPECT_TRUE(read_cached("a.cubin").empty()) << damaged;
        write_cached("a.cubin", content_);
        EXPECT_EQ(read_cached("a.cubin"), content_) << damaged;
    }
}

TEST_F(KernelCache, WhatCannotBeReadCountsForNothing) {
    fs::create_directories(folder_ / "a.cubin");  // refuses even a superuser
    EXPECT_TRUE(read_cached("a.cubin").empty());
    EXPECT_NO_THROW(write_cached("a.cubin", content_));
}

}  // namespace
}  // namespace fovea::backend::cuda
