#include "tune/timing_cache.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "fovea/error.hpp"

namespace fovea::tune {
namespace {

class TimingCaches : public testing::Test {
  protected:
    TimingCaches() : folder_(testing::TempDir() + "timing_caches." + std::to_string(::getpid())) {
        std::filesystem::create_directories(folder_);
    }
    ~TimingCaches() override { std::filesystem::remove_all(folder_); }
    [[nodiscard]] std::filesystem::path file(const std::string& name) const { return folder_ / name; }

  private:
    std::filesystem::path folder_;
};

TEST_F(TimingCaches, BuildersThatSaveAtOnceLoseNothing) {
    constexpr int kBuilders = 8, kSaves = 10;
    for (int builder = 0; builder < kBuilders; ++builder) {
        if (::fork() != 0) continue;
        for (int i = 0; i < kSaves; ++i) {
            TimingCache cache;
            cache.insert(std::to_string(builder) + "|" + std::to_string(i), builder + i);
            cache.save(file("times"));
        }
        ::_exit(0);
    }
    for (int builder = 0; builder < kBuilders; ++builder) {
        int status = 1;
        ::wait(&status);
        EXPECT_EQ(status, 0);
    }
    TimingCache all;
    all.load(file("times"));
    EXPECT_EQ(all.size(), kBuilders * kSaves);
    EXPECT_EQ(all.find("7|9"), 16);
}

TEST_F(TimingCaches, Merge) {
    TimingCache first, second, both;
    first.insert("a", 1);
    second.insert("b", 2);
    first.save(file("first"));
    second.save(file("second"));
    both.load(file("first"));
    both.load(file("second"));
    both.load(file("missing"));
    both.save(file("both"));
    TimingCache merged;
    merged.load(file("both"));
    EXPECT_EQ(merged.find("a"), 1);
    EXPECT_EQ(merged.find("b"), 2);
    EXPECT_EQ(merged.size(), 2U);
}

TEST_F(TimingCaches, BrokenFilesAreRefused) {
    for (const char* text : {"{\"a\": [", "{\"a\": null}", "[1, 2]"}) {
        std::ofstream(file("broken")) << text;
        TimingCache cache;
        EXPECT_THROW(cache.load(file("broken")), Error) << text;
    }
}

}  // namespace
}  // namespace fovea::tune
