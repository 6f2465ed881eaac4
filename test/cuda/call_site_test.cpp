// Each place of fovea that calls a function of CUDA's libraries fails once, over building and running a tiny network;
// the same is then done again without a fault. Prints a table: the function, the calling function, what was said, the
// process's exit status.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <iostream>
#include <mutex>
#include <thread>

#include "backend/cuda/cuda.hpp"
#include "cuda/driver/calls.hpp"
#include "cuda/fault_child.hpp"
#include "cuda/fault_network.hpp"

namespace fovea::test {

/// Exit status of a child whose call was not made.
constexpr int kNothingFailed = 78;

// What a child prints: "site FUNCTION|PLACE", "error TEXT", "done without", a refusal.

/// What `fovea doctor` says when it finds no GPU, else what building and running says when it fails.
std::string attempt(const std::string& text, bool tune) {
    const auto status = backend::cuda_status();
    return status.usable ? build_and_run(text, tune) : status.text;
}

int list_call_sites() {
    note_call_sites();
    const std::string message = attempt(network(), true);
    if (!message.empty()) {
        std::cout << message << "\n";
        return kSkipped;
    }
    for (const CallSite& site : call_sites()) std::cout << "site " << site.function << "|" << site.place << "\n";
    return 0;
}

/// What it prints comes line by line.
Outcome fail_once(const std::string& site) {
    const std::size_t bar = site.find('|');
    const std::string text = network();
    const long before = held();
    fail_at({site.substr(0, bar), site.substr(bar + 1)});
    std::string message = attempt(text, false);
    if (!failed()) message = attempt(text, true);
    const bool reached = failed();
    reset_calls();
    if (!reached) return {{}, kNothingFailed};
    std::replace(message.begin(), message.end(), '\n', ' ');
    Outcome outcome{{message.empty() ? "done without" : "error " + message}, 0};
    const std::string again = attempt(text, false);
    outcome.lines.push_back(again.empty() ? "held " + std::to_string(held() - before) : "and again: " + again);
    return outcome;
}

/// cuDNN and cuBLASLt take long to start: where the call is not on behalf of them, they are left out.
void hide_other_libraries(const std::string& site) {
    if (site.find("udnn") == std::string::npos) hide("cudnnCreate");
    if (site.find("ublas") == std::string::npos) hide("cublasLtCreate");
}

int fail_at_call_site(const std::string& site, bool libraries) {
    if (!libraries) hide_other_libraries(site);
    const Outcome outcome = fail_once(site);
    for (const std::string& line : outcome.lines) std::cout << line << std::endl;
    return outcome.status;
}

namespace {

/// With the pretended driver in this process, but for calls that are made once in a process.
Outcome try_fault(const std::string& site, const std::string& kernels) {
    if (!kRealDriver) {
        const Outcome here = fail_once(site);
        if (here.status != kNothingFailed) return here;
    }
    // Compilers' calls are only made where nothing is kept from the first process, some of cuDNN's for its plans, too.
    const std::pair<std::string, std::string> ways[] = {{"fail|", site.starts_with("nvrtc") ? "" : kernels},
                                                        {"fail beside libraries|", kernels},
                                                        {"fail beside libraries|", ""}};
    Outcome outcome;
    for (const auto& [task, folder] : ways)
        if (outcome = run_child(task + site, folder); outcome.status != kNothingFailed) break;
    return outcome;
}

std::string cell(const std::string& text, std::size_t width) {
    return text + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

void check(const std::string& fault, const Outcome& outcome) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    const std::string function = fault.substr(0, fault.find('|')), place = fault.substr(function.size() + 1);
    const std::string said = outcome.lines.empty() ? "" : outcome.lines[0];
    std::cout << cell(function, 36) << cell(place, 48) << said << " [exit " << outcome.status << "]" << std::endl;
    EXPECT_EQ(outcome.status, 0) << fault << testing::PrintToString(outcome.lines);
    EXPECT_EQ(outcome.lines.empty() ? "" : outcome.lines.back(), "held 0") << fault;
    if (said == "done without") return;
    EXPECT_NE(said.find("failed: "), std::string::npos) << said;
    EXPECT_NE(said.find(function), std::string::npos) << said;
    EXPECT_FALSE(gives_back(function)) << said;
}

void for_each_at_once(const std::vector<std::string>& faults, const std::function<void(const std::string&)>& function) {
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> threads;
    const unsigned count = kRealDriver ? std::clamp(std::thread::hardware_concurrency(), 1U, 16U) : 1;
    for (unsigned i = 0; i < count; ++i)
        threads.emplace_back([&] {
            for (std::size_t k = next++; k < faults.size(); k = next++) function(faults[k]);
        });
    for (std::thread& thread : threads) thread.join();
}

TEST(CallSites, EachFailsOnceWithoutCrashOrLeak) {
    // Filled by the first process.
    const auto kernels = std::filesystem::path(testing::TempDir()) / ("fovea_kernels_" + std::to_string(getpid()));
    const Outcome list = run_child("list", kernels.string());
    if (kRealDriver && list.status == kSkipped) GTEST_SKIP() << "skipped: no GPU: " << list.lines.back();
    ASSERT_EQ(list.status, 0) << testing::PrintToString(list.lines);
    std::vector<std::string> faults;
    for (const std::string& line : list.lines)
        if (line.starts_with("site ")) faults.push_back(line.substr(5));
    ASSERT_TRUE(std::ranges::none_of(faults, [](const std::string& fault) { return fault.ends_with('|'); }))
        << "places are told apart by this program's symbols, which it was stripped of";
    EXPECT_GT(faults.size(), 50U);
    for_each_at_once(faults, [&](const std::string& fault) { check(fault, try_fault(fault, kernels.string())); });
    std::filesystem::remove_all(kernels);
}

}  // namespace
}  // namespace fovea::test
