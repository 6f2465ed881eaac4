#include "compiler/launching.hpp"

#include <gtest/gtest.h>

#include "fovea/error.hpp"

namespace fovea::compiler {
namespace {

/// Times nothing.
class SomeDevice final : public backend::Device {
  public:
    explicit SomeDevice(bool overlaps) : overlaps_(overlaps) {}
    [[nodiscard]] int number() const override { return 0; }
    [[nodiscard]] std::shared_ptr<std::byte> allocate(std::size_t) const override { return nullptr; }
    [[nodiscard]] std::shared_ptr<std::byte> allocate_host(std::size_t) const override { return nullptr; }
    [[nodiscard]] backend::MemoryKind kind_of(const void*) const override { return backend::MemoryKind::pageable; }
    [[nodiscard]] std::unique_ptr<backend::Stream> make_stream() const override { return nullptr; }
    [[nodiscard]] bool overlaps() const override { return overlaps_; }
    [[nodiscard]] std::unique_ptr<backend::Stream> adopt_stream(void*) const override { return nullptr; }

  private:
    bool overlaps_;
};

runtime::Context& no_context() { throw Error(ErrorCode::internal, "something is to be timed"); }

/// The choice where the cache holds these times, in the order of the ways.
MeasuredLaunching choice(bool overlaps, double row, double branched, double overlapped, double both) {
    tune::TimingCache cache;
    cache.insert("k|launched in a row", row);
    cache.insert("k|launched side by side", branched);
    cache.insert("k|launched overlapped", overlapped);
    cache.insert("k|launched side by side, overlapped", both);
    return choose_launching(SomeDevice(overlaps), cache, "k|", {}, no_context);
}

TEST(Launching, FastestWayIsChosen) {
    EXPECT_EQ(plan::to_string(choice(true, 100, 95, 97, 93).best), "side by side, overlapped");
    EXPECT_EQ(plan::to_string(choice(true, 100, 120, 97, 98).best), "overlapped");
    EXPECT_EQ(plan::to_string(choice(true, 100, 95, 97, 98).best), "side by side");
    EXPECT_EQ(choice(true, 100, 95, 97, 98).us.size(), 4U);
}

TEST(Launching, WhatMeasurementsVaryByIsNoGain) {
    EXPECT_EQ(choice(true, 100, 99.5, 99.2, 99.1).best, plan::Launching{});
}

TEST(Launching, DeviceThatCannotOverlapIsNotAskedTo) {
    const auto chosen = choice(false, 100, 95, 50, 50);
    EXPECT_EQ(plan::to_string(chosen.best), "side by side");
    EXPECT_EQ(chosen.us.size(), 2U);
}

TEST(Launching, WhatTheCacheLacksIsTimed) {
    tune::TimingCache cache;
    cache.insert("k|launched in a row", 1);
    EXPECT_THROW(choose_launching(SomeDevice(false), cache, "k|", {}, no_context), Error);
}

}  // namespace
}  // namespace fovea::compiler
