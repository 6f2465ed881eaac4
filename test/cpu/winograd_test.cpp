#include "backend/cpu/simd/winograd.hpp"

#include <optional>

#include "conv_reference.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    PatchCase sizes;
    Activation activation;
    bool residual;
};

void check(PatchProblem& problem, Activation activation, bool with_residual, int threads, WinogradBlocking blocking,
           DType multiply = DType::f32, std::optional<DType> stored = {}, bool last_step = false) {
    const PatchCase& c = problem.sizes();
    const DType output_type = stored.value_or(c.type);
    const std::int64_t pixels = std::int64_t{c.batch} * c.height * c.width, pitch = c.out_channels + 7;
    Buffer bias(DType::f32, c.out_channels), residual(output_type, pixels * (c.out_channels + 1)),
        output(output_type, pixels * pitch);
    bias.randomise(4), residual.randomise(5);
    WinogradConv conv;
    conv.batch = c.batch, conv.height = c.height, conv.width = c.width, conv.out_channels = c.out_channels;
    conv.type = c.type, conv.output_type = output_type, conv.multiply = multiply;
    problem.describe(conv.sources, winograd_table_size(c.height), winograd_table_size(c.width));
    Buffer packed(DType::f32, static_cast<std::int64_t>(winograd_packed_size(conv)));
    winograd_pack(conv, problem.filters(), packed.floats());
    conv.weights = packed.floats();
    conv.output = output.data(), conv.output_pitch = dense_pitch(c.height, c.width, pitch);
    conv.epilogue = {bias.floats(),
                     with_residual ? residual.data() : nullptr,
                     dense_pitch(c.height, c.width, c.out_channels + 1),
                     activation,
                     0.3f,
                     0.6f};
    Buffer last_scale(DType::f32, c.out_channels), last_shift(DType::f32, c.out_channels);
    last_scale.randomise(6), last_shift.randomise(7);
    if (last_step) conv.last_scale = last_scale.floats(), conv.last_shift = last_shift.floats(), conv.last_relu = true;
    Buffer workspace(DType::f32, static_cast<std::int64_t>(winograd_workspace(conv, threads, blocking) / 4));
    winograd_conv(conv, workspace.data(), threads, blocking);

    ErrorMeasure error;
    auto expected = problem.expected().begin();
    for (std::int64_t pixel = 0; pixel < pixels; pixel++) {
        for (int k = 0; k < c.out_channels; k++) {
            const double sum =
                *expected++ + bias.get(k) + (with_residual ? residual.get(pixel * (c.out_channels + 1) + k) : 0);
            const double activated = reference_activation(activation, 0.3f, 0.6f, sum);
            const double last = std::max(activated * last_scale.get(k) + last_shift.get(k), 0.0);
            error.add(output.get(pixel * pitch + k), last_step ? last : activated);
        }
        for (std::int64_t k = c.out_channels; k < pitch; k++)
            ASSERT_TRUE(std::isnan(output.get(pixel * pitch + k)))
                << "channel " << k << " is not the kernel's to write";
    }
    EXPECT_LE(error.value(), tolerance(output_type, multiply == DType::i16 ? 2e-3 : 1e-5));
}

constexpr PadMode kZero = PadMode::zero, kReflect = PadMode::reflect, kEdge = PadMode::edge;

TEST(Winograd, MatchesDirectConvolution) {
    using enum Activation;
    using enum WinogradBlocking::Mode;
    const Case cases[] = {
        {{1, 4, 4, 16, 0, 32, 1, kZero, 1, DType::f32}, none, false},
        {{1, 1, 1, 3, 0, 1, 1, kZero, 1, DType::f32}, relu, false},
        {{2, 7, 5, 19, 0, 35, 1, kZero, 1, DType::f32}, relu, true},
        {{1, 9, 14, 33, 0, 16, 0, kZero, 1, DType::f32}, leaky_relu, true},
        {{1, 6, 11, 8, 0, 70, 2, kZero, 1, DType::f32}, sigmoid, false},
        {{3, 6, 10, 17, 9, 20, 1, kReflect, 2, DType::f32}, elu, false},
        {{1, 8, 12, 32, 16, 48, 1, kEdge, 2, DType::f32}, silu, true},
        {{2, 7, 5, 19, 0, 35, 1, kZero, 1, DType::bf16}, relu, true},
        {{1, 6, 10, 17, 9, 40, 1, kReflect, 2, DType::bf16}, gelu, false},
        {{1, 13, 13, 64, 0, 31, 1, kReflect, 1, DType::bf16}, hard_swish, true},
        {{2, 7, 5, 19, 0, 35, 1, kZero, 1, DType::f16}, relu, true},
        {{1, 6, 10, 17, 9, 40, 1, kReflect, 2, DType::f16}, gelu, false},
    };
    for (const Case& c : cases) {
        PatchProblem problem(c.sizes);
        for (const std::int64_t target : targets()) {
            UseTarget use(target);
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            check(problem, c.activation, c.residual, 1, {});
            check(problem, c.activation, c.residual, 2, {private_tiles, 3});
            check(problem, c.activation, c.residual, 2, {shared_tiles, 0});
            check(problem, c.activation, c.residual, 3, {shared_tiles, 5});
        }
    }
}

TEST(Winograd, MatchesDirectConvolutionInWords) {
    using enum Activation;
    using enum WinogradBlocking::Mode;
    if (!target_has_word_products()) GTEST_SKIP() << "no products of i16 pairs";
    const Case cases[] = {
        {{1, 1, 1, 3, 0, 1, 1, kZero, 1, DType::bf16}, relu, false},
        {{2, 7, 5, 19, 0, 35, 1, kZero, 1, DType::bf16}, relu, true},
        {{1, 9, 14, 130, 0, 16, 0, kZero, 1, DType::bf16}, leaky_relu, true},
        {{1, 6, 10, 70, 81, 40, 1, kReflect, 2, DType::bf16}, gelu, false},
        {{1, 13, 13, 64, 0, 31, 1, kEdge, 1, DType::bf16}, none, true},
    };
    for (const Case& c : cases) {
        PatchProblem problem(c.sizes);
        SCOPED_TRACE(testing::Message() << "case " << &c - cases);
        for (const DType stored : {DType::bf16, DType::f32}) {
            check(problem, c.activation, c.residual, 1, {}, DType::i16, stored);
            check(problem, c.activation, c.residual, 2, {private_tiles, 3}, DType::i16, stored);
            check(problem, c.activation, c.residual, 3, {shared_tiles, 5}, DType::i16, stored);
        }
    }
}

TEST(Winograd, WordsLetInfinityAndNanThrough) {
    if (!target_has_word_products()) GTEST_SKIP() << "no products of i16 pairs";
    constexpr int kSize = 8, kChannels = 16;
    constexpr std::int64_t kElements = kSize * kSize * kChannels;
    for (const float poison : {INFINITY, NAN}) {
        Buffer input(DType::bf16, kElements), output(DType::bf16, kElements), filters(DType::f32, 9 * kChannels * 16);
        input.randomise(1), filters.randomise(2);
        input.set(3, poison);
        std::vector<std::int32_t> table(winograd_table_size(kSize));
        fill_source_index(table.data(), static_cast<int>(table.size()), kSize, 1, 1, kZero, 1);
        WinogradConv conv;
        conv.height = conv.width = kSize, conv.out_channels = kChannels;
        conv.type = conv.output_type = DType::bf16, conv.multiply = DType::i16;
        conv.sources[0] = {input.data(), dense_pitch(kSize, kSize, kChannels), kChannels, table.data(), table.data()};
        Buffer packed(DType::f32, static_cast<std::int64_t>(winograd_packed_size(conv)));
        winograd_pack(conv, filters.floats(), packed.floats());
        conv.weights = packed.floats();
        conv.output = output.data(), conv.output_pitch = dense_pitch(kSize, kSize, kChannels);
        Buffer workspace(DType::f32, static_cast<std::int64_t>(winograd_workspace(conv, 1) / 4));
        winograd_conv(conv, workspace.data(), 1);
        EXPECT_FALSE(std::isfinite(output.get(0)));
        EXPECT_TRUE(std::isfinite(output.get(kElements - 1)));
    }
}

TEST(Winograd, ActivationsMatchTheirDefinitions) {
    using enum Activation;
    PatchProblem problem({1, 5, 6, 7, 0, 18, 1, kZero, 1, DType::f32});
    for (const Activation a : {clip, tanh, gelu_tanh, softplus, mish, hard_sigmoid, gelu, elu}) {
        SCOPED_TRACE(static_cast<int>(a));
        check(problem, a, true, 1, {});
    }
}

TEST(Winograd, ScalesAndShiftsAfterTheActivation) {
    using enum Activation;
    PatchProblem problem({1, 9, 14, 33, 0, 40, 1, kZero, 1, DType::f32});
    for (const Activation a : {none, relu, silu}) check(problem, a, true, 2, {}, DType::f32, DType::f32, true);
}

TEST(Winograd, StaysExactWithManyChannels) {
    PatchProblem problem({1, 14, 14, 512, 0, 32, 1, kZero, 1, DType::f32});
    check(problem, Activation::none, false, 2, {});
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
