#include "backend/cpu/simd/narrow_conv.hpp"

#include "conv_reference.hpp"

namespace fovea::backend::cpu::simd {
namespace {

/// Runs one configuration; a plain output has its channels outermost.
void check(PatchProblem& problem, DType output_type, DType multiply, bool plain, int threads) {
    const PatchCase& c = problem.sizes();
    Buffer bias(DType::f32, c.out_channels);
    bias.randomise(7);
    NarrowConv conv;
    conv.batch = c.batch, conv.height = c.height, conv.width = c.width, conv.out_channels = c.out_channels;
    conv.type = c.type, conv.output_type = output_type, conv.multiply = multiply;
    problem.describe(conv.sources, narrow_table_size(c.height), narrow_table_size(c.width));
    Buffer packed(DType::f32, static_cast<std::int64_t>(narrow_packed_size(conv)));
    narrow_pack(conv, problem.filters(), packed.floats());
    conv.weights = packed.floats(), conv.epilogue.bias = bias.floats();
    conv.epilogue.activation = Activation::sigmoid;
    const std::int64_t pixels = std::int64_t{c.height} * c.width, channels = c.out_channels + (plain ? 0 : 2);
    Buffer output(output_type, c.batch * pixels * channels);
    conv.output = output.data();
    conv.output_pitch = {pixels * channels, c.width * (plain ? 1 : channels), plain ? 1 : channels};
    conv.output_channel_step = plain ? pixels : 1;
    narrow_conv(conv, threads);
    ErrorMeasure error;
    std::size_t next = 0;
    for (std::int64_t pixel = 0; pixel < c.batch * pixels; pixel++)
        for (std::int64_t k = 0; k < channels; k++) {
            const double found =
                output.get(plain ? (pixel / pixels * channels + k) * pixels + pixel % pixels : pixel * channels + k);
            if (k >= c.out_channels)
                ASSERT_TRUE(std::isnan(found));
            else
                error.add(found,
                          reference_activation(Activation::sigmoid, 0, 0, problem.expected()[next++] + bias.get(k)));
        }
    EXPECT_LE(error.value(), multiply == DType::bf16 ? 1e-2 : tolerance(output_type, 2e-5));
}

TEST(NarrowConv, MatchesDirectConvolution) {
    constexpr PadMode kZero = PadMode::zero, kReflect = PadMode::reflect;
    using enum DType;
    const PatchCase cases[] = {
        {1, 1, 1, 1, 0, 1, 1, kZero, 1, f32},        {2, 7, 21, 16, 0, 1, 1, kZero, 1, f32},
        {1, 6, 74, 37, 20, 3, 1, kReflect, 2, f32},  {1, 5, 9, 64, 0, 4, 0, kZero, 1, bf16},
        {2, 10, 12, 70, 5, 2, 1, kReflect, 2, bf16}, {1, 3, 130, 1000, 0, 1, 1, kZero, 1, f32},
        {2, 10, 12, 70, 5, 2, 1, kReflect, 2, f16},
    };
    for (const PatchCase& c : cases) {
        PatchProblem problem(c);
        for (const std::int64_t target : targets()) {
            UseTarget use(target);
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            check(problem, c.type, f32, false, 1);
            check(problem, f32, f32, true, 3);
            if (c.type == f16) check(problem, f32, f16, true, 2);
            if (c.type == bf16 && target_has_bf16_products()) check(problem, bf16, bf16, false, 2);
        }
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
