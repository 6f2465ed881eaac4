#include "compiler/e4m3.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/reference/reference.hpp"
#include "base/float_types.hpp"
#include "compiler/build.hpp"
#include "compiler/gate.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"

/// Kernels whose results are rounded to e4m3: a step there is up to an eighth of the value.
namespace fovea::compiler {
namespace {

constexpr unsigned kLargest = 0x7e;

float decode(unsigned bits) { return base::decode_float(static_cast<std::uint16_t>(bits), DType::f8e4m3fn); }
unsigned encode(double value) { return base::encode_float(static_cast<float>(value), DType::f8e4m3fn); }

TEST(E4m3, IntervalsHoldWhatRoundsToANumber) {
    for (const float sign : {1.0f, -1.0f})
        for (unsigned bits = 0; bits <= kLargest; ++bits) {
            const float number = sign * decode(bits);
            const Interval interval = rounding_to(number);
            const auto low = static_cast<float>(interval.low), high = static_cast<float>(interval.high);
            if (std::isfinite(low)) {
                EXPECT_EQ(decode(encode(std::nextafter(low, INFINITY))), number);
                EXPECT_NE(decode(encode(std::nextafter(low, -INFINITY))), number);
            }
            if (std::isfinite(high)) {
                EXPECT_EQ(decode(encode(std::nextafter(high, -INFINITY))), number);
                EXPECT_NE(decode(encode(std::nextafter(high, INFINITY))), number);
            }
            EXPECT_EQ(std::isinf(interval.high), number == decode(kLargest));
            EXPECT_EQ(std::isinf(interval.low), number == -decode(kLargest));
        }
}

double difference(float stored, double exact) {
    Comparison comparison;
    add_stored(comparison, stored, exact);
    return comparison.finite ? comparison.max_difference : INFINITY;
}

TEST(E4m3, ResultsDifferByWhatTheExactOnesLackForThem) {
    EXPECT_EQ(difference(16, 16.9), 0);
    EXPECT_NEAR(difference(18, 16.9), 0.1, 1e-12);
    EXPECT_NEAR(difference(20, 16.9), 2.1, 1e-12);
    EXPECT_NEAR(difference(-18, -16.9), 0.1, 1e-12);
    EXPECT_NEAR(difference(16, -16), 31.5, 1e-12);
    EXPECT_EQ(difference(448, 1e9), 0);
    EXPECT_EQ(difference(448, INFINITY), 0);
    EXPECT_EQ(difference(416, 1e9), 16);
    EXPECT_EQ(difference(-448, 448), 448 + 432);
    EXPECT_EQ(difference(NAN, NAN), 0);
    EXPECT_EQ(difference(NAN, 3), INFINITY);
    EXPECT_EQ(difference(3, NAN), INFINITY);
}

constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32[2, 16, 20, 18]
  const %w : f32[24, 16, 3, 3] = random(1)
  const %s : f32[] = [0.05]
  const %z : f8e4m3fn[] = [0]
  %c : f32[*] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
  %y : f8e4m3fn[*] = QuantizeLinear(%c, %s, %z)
  output "y" = %y
})";

/// The bits stored for the number `exact`, the element `index` of the result.
using Store = unsigned (*)(double exact, std::int64_t index);

class Kernel final : public backend::Kernel {
  public:
    Kernel(const backend::RegionContext& context, Store store)
        : conv_(context.node(0)),
          weights_(*context.constant(conv_.inputs[1])),
          scale_(context.constant(context.node(1).inputs[1])->to_float()[0]),
          shape_(context.shape(conv_.inputs[0])),
          x_(context.input_index(conv_.inputs[0])),
          store_(store) {}
    void run(const backend::KernelArgs& args) const override {
        const Tensor x(DType::f32, shape_, const_cast<std::byte*>(args.inputs[x_]), nullptr);
        const auto sums = ops::evaluate(conv_, {x, weights_})[0].to_float();
        for (std::size_t i = 0; i < sums.size(); ++i)
            args.outputs[0][i] = static_cast<std::byte>(store_(sums[i] / scale_, static_cast<std::int64_t>(i)));
    }

  private:
    ir::Node conv_;
    Tensor weights_;
    float scale_;
    Shape shape_;
    std::size_t x_;
    Store store_;
};

unsigned right(double exact, std::int64_t) { return encode(exact); }

/// Computes Conv and QuantizeLinear by one kernel; another one is right.
class Backend final : public backend::Backend {
  public:
    explicit Backend(Store store) : store_(store) {}
    [[nodiscard]] std::string_view name() const override { return "e4m3"; }
    [[nodiscard]] std::string target() const override { return "e4m3"; }
    [[nodiscard]] std::size_t matcher_count() const override { return 1; }
    std::variant<backend::Region, backend::Refusal> match(std::size_t, const backend::MatchContext& context,
                                                          ir::NodeId root) const override {
        const ir::Node& node = context.graph.node(root);
        if (node.op != "Conv") return backend::Refusal{backend::Reason::unsupported_operator, {}};
        return backend::make_region(context, "quantised_conv", {root, context.sole_consumer(node.outputs[0])});
    }
    [[nodiscard]] std::vector<backend::Tactic> tactics(const backend::RegionContext& context) const override {
        const std::vector inputs(context.region.inputs.size(), backend::Layout::plain);
        return {{"first", inputs, {backend::Layout::plain}}, {"right", inputs, {backend::Layout::plain}}};
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        return std::make_unique<Kernel>(context, tactic.name == "right" ? right : store_);
    }

  private:
    Store store_;
};

/// Whether the gate finds that a kernel which stores its results so is wrong; with boxes, beside the right one.
bool found_wrong(Store store, GateMode mode = GateMode::full) {
    const runtime::Backends backends = {std::make_shared<Backend>(store)};
    const plan::Plan built = build(ir::parse(kNetwork), backends, {.threads = 1, .gate = GateMode::off, .tune = false});
    const plan::Step& step = built.targets[0].steps.at(0);
    EXPECT_EQ(step.region.pattern, "quantised_conv");
    backend::Tactic other = step.tactic;
    other.name = "right";
    tune::TimingCache cache;
    const RivalTactics rivals{*backends[0], cache, {{step.region.nodes[0], {other}}}};
    runtime::Context context(std::make_shared<const runtime::Engine>(built, backends));
    const auto inputs = random_inputs(built.graph, {{2, 16, 20, 18}}, 1);
    plan::Certificate certificate;
    GateOptions options;
    options.mode = mode;
    options.rivals = &rivals;
    const auto wrong = check_kernels(context, inputs, options, certificate);
    for (const WrongKernel& kernel : wrong) EXPECT_EQ(kernel.tactic.name, "first");
    return !wrong.empty();
}

/// `exact` rounded, and so many numbers of e4m3 further.
unsigned moved(double exact, int steps) {
    const unsigned bits = encode(exact), magnitude = bits & 0x7fu;
    const int target = static_cast<int>(magnitude) + (magnitude + 2 <= kLargest ? steps : -steps);
    return (bits & 0x80u) | static_cast<unsigned>(target);
}

/// Whether a sum that is off by what it may be rounds to the same number; of large ones, whose steps are wider.
bool is_certain(double exact) {
    const Interval interval = rounding_to(decode(encode(exact)));
    return std::fabs(exact) > 16 && std::min(exact - interval.low, interval.high - exact) > 0.5;
}

/// A little less than 1e-4 of the largest results of the network above, which are near 300: what sums may be off by.
constexpr double kError = 2.5e-2;
constexpr GateMode kModes[] = {GateMode::full, GateMode::boxes};

int neighbours = 0;  ///< results that a sum a little off rounded to a neighbour more than the bound away

unsigned a_little_more(double exact, std::int64_t) {
    const unsigned bits = encode(exact + 0.2 * kError);
    if (std::fabs(decode(bits) - decode(encode(exact))) > 10 * kError) ++neighbours;
    return bits;
}

TEST(E4m3Gate, AcceptsRightResults) {
    for (const GateMode mode : kModes) EXPECT_FALSE(found_wrong(right, mode));
}

TEST(E4m3Gate, AcceptsNeighboursWhereTheSumCouldRoundEitherWay) {
    for (const GateMode mode : kModes) {
        neighbours = 0;
        EXPECT_FALSE(found_wrong(a_little_more, mode));
        EXPECT_GT(neighbours, 0);
    }
}

TEST(E4m3Gate, RefusesSumsBeyondTheirBound) {
    EXPECT_TRUE(found_wrong([](double exact, std::int64_t) { return encode(exact + 10 * kError); }));
}

TEST(E4m3Gate, RefusesOneStepEverywhere) {
    for (const GateMode mode : kModes)
        EXPECT_TRUE(found_wrong([](double exact, std::int64_t) { return moved(exact, 1); }, mode));
}

std::int64_t place = -1;  ///< a single one, found in the first run

TEST(E4m3Gate, RefusesOneStepAtAPlaceThatCanRoundOneWayOnly) {
    for (const GateMode mode : kModes) {
        place = -1;
        EXPECT_TRUE(found_wrong(
            [](double exact, std::int64_t i) {
                if (place < 0 && i > 5000 && is_certain(exact)) place = i;
                return i == place ? moved(exact, 1) : encode(exact);
            },
            mode));
        EXPECT_GE(place, 0);
    }
}

TEST(E4m3Gate, RefusesTwoStepsAtAPlaceThatCouldRoundEitherWay) {
    for (const GateMode mode : kModes) {
        place = -1;
        EXPECT_TRUE(found_wrong(
            [](double exact, std::int64_t i) {
                const unsigned next = encode(exact + 0.2 * kError);
                if (place < 0 && exact > 16 && next != encode(exact)) place = i;
                return i == place ? next + 1 : encode(exact);
            },
            mode));
        EXPECT_GE(place, 0);
    }
}

}  // namespace
}  // namespace fovea::compiler
