#include "backend/cpu/simd/winograd.hpp"

#include "conv_reference.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    PatchCase sizes;
    Activation activation;
    bool residual;
};

void check(PatchProblem& problem, Activation activation, bool with_residual, int threads, WinogradBlocking blocking) {
    const PatchCase& c = problem.sizes();
    const std::int64_t pixels = std::int64_t{c.batch} * c.height * c.width, pitch = c.out_channels + 7;
    Buffer bias(DType::f32, c.out_channels), residual(c.type, pixels * (c.out_channels + 1)),
        output(c.type, pixels * pitch);
    bias.randomise(4), residual.randomise(5);
    Buffer packed(DType::f32,
                  static_cast<std::int64_t>(winograd_packed_size(c.out_channels, c.channels_a, c.channels_b)));
    winograd_pack(problem.filters(), c.out_channels, c.channels_a, c.channels_b, packed.floats());

    WinogradConv conv;
    conv.batch = c.batch, conv.height = c.height, conv.width = c.width, conv.out_channels = c.out_channels;
    conv.type = c.type;
    problem.describe(conv.sources, winograd_table_size(c.height), winograd_table_size(c.width));
    conv.weights = packed.floats();
    conv.output = output.data(), conv.output_pitch = dense_pitch(c.height, c.width, pitch);
    conv.epilogue = {bias.floats(),
                     with_residual ? residual.data() : nullptr,
                     dense_pitch(c.height, c.width, c.out_channels + 1),
                     activation,
                     0.3f,
                     0.6f};
    Buffer workspace(DType::f32, static_cast<std::int64_t>(winograd_workspace(conv, threads, blocking) / 4));
    winograd_conv(conv, workspace.data(), threads, blocking);

    ErrorMeasure error;
    auto expected = problem.expected().begin();
    for (std::int64_t pixel = 0; pixel < pixels; pixel++) {
        for (int k = 0; k < c.out_channels; k++) {
            const double sum =
                *expected++ + bias.get(k) + (with_residual ? residual.get(pixel * (c.out_channels + 1) + k) : 0);
            error.add(output.get(pixel * pitch + k), reference_activation(activation, 0.3f, 0.6f, sum));
        }
        for (std::int64_t k = c.out_channels; k < pitch; k++)
            ASSERT_TRUE(std::isnan(output.get(pixel * pitch + k)))
                << "channel " << k << " is not the kernel's to write";
    }
    EXPECT_LE(error.value(), tolerance(c.type, 1e-5));
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

TEST(Winograd, ActivationsMatchTheirDefinitions) {
    using enum Activation;
    PatchProblem problem({1, 5, 6, 7, 0, 18, 1, kZero, 1, DType::f32});
    for (const Activation a : {clip, tanh, gelu_tanh, softplus, mish, hard_sigmoid, gelu, elu}) {
        SCOPED_TRACE(static_cast<int>(a));
        check(problem, a, true, 1, {});
    }
}

TEST(Winograd, StaysExactWithManyChannels) {
    PatchProblem problem({1, 14, 14, 512, 0, 32, 1, kZero, 1, DType::f32});
    check(problem, Activation::none, false, 2, {});
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
