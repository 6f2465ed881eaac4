#include "backend/cpu/simd/winograd.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    int batch, height, width, channels_a, channels_b, out_channels, pad;
    PadMode mode;
    int upsample;  // of source a
    Activation activation;
    bool residual;
    DType type;
};

/// Index of padded coordinate `at` in a tensor axis of `size`, -1 for zero: an independent statement of the index
/// tables.
int source_at(int at, int size, PadMode mode, int upsample) {
    const int extent = size * upsample;
    if (at < 0 || at >= extent) {
        if (mode == PadMode::zero) return -1;
        if (mode == PadMode::edge)
            at = at < 0 ? 0 : extent - 1;
        else
            at = at < 0 ? -at : 2 * extent - 2 - at;
    }
    return at / upsample;
}

class Problem {
  public:
    explicit Problem(const Case& c)
        : c_(c),
          in_h_(c.height + 2 - 2 * c.pad),
          in_w_(c.width + 2 - 2 * c.pad),
          a_h_(in_h_ / c.upsample),
          a_w_(in_w_ / c.upsample),
          a_(c.type, std::int64_t{c.batch} * a_h_ * a_w_ * (c.channels_a + 3)),
          b_(c.type, std::int64_t{c.batch} * in_h_ * in_w_ * (c.channels_b + 5)),
          filters_(DType::f32, std::int64_t{c.out_channels} * (c.channels_a + c.channels_b) * 9),
          bias_(DType::f32, c.out_channels),
          residual_(c.type, std::int64_t{c.batch} * c.height * c.width * (c.out_channels + 1)) {
        a_.randomise(1), b_.randomise(2), filters_.randomise(3), bias_.randomise(4), residual_.randomise(5);
        a_numbers_ = decoded(a_), b_numbers_ = decoded(b_), filter_numbers_ = decoded(filters_);
        for (int n = 0; n < c.batch; n++)
            for (int y = 0; y < c.height; y++)
                for (int x = 0; x < c.width; x++)
                    for (int k = 0; k < c.out_channels; k++) expected_.push_back(expected(n, y, x, k));
    }

    void check(int threads, WinogradBlocking blocking) {
        Buffer packed(DType::f32,
                      static_cast<std::int64_t>(winograd_packed_size(c_.out_channels, c_.channels_a, c_.channels_b)));
        winograd_pack(filters_.floats(), c_.out_channels, c_.channels_a, c_.channels_b, packed.floats());
        Buffer output(c_.type, std::int64_t{c_.batch} * c_.height * c_.width * pitch());
        std::vector<std::int32_t> tables[4];
        WinogradConv conv = describe(tables);
        conv.weights = packed.floats();
        conv.output = output.data();
        Buffer workspace(DType::f32, static_cast<std::int64_t>(winograd_workspace(conv, threads, blocking) / 4));
        winograd_conv(conv, workspace.data(), threads, blocking);
        compare(output);
    }

  private:
    [[nodiscard]] int pitch() const { return c_.out_channels + 7; }

    WinogradConv describe(std::vector<std::int32_t>* tables) {
        WinogradConv conv;
        conv.batch = c_.batch, conv.height = c_.height, conv.width = c_.width, conv.out_channels = c_.out_channels;
        conv.type = c_.type;
        const int sizes[4] = {a_h_, a_w_, in_h_, in_w_};
        for (int i = 0; i < 4; i++) {
            tables[i].resize(static_cast<std::size_t>(winograd_table_size(i % 2 ? c_.width : c_.height)));
            fill_source_index(tables[i].data(), static_cast<int>(tables[i].size()), sizes[i], c_.pad, c_.pad, c_.mode,
                              i < 2 ? c_.upsample : 1);
        }
        conv.sources[0] = {a_.data(), dense_pitch(a_h_, a_w_, c_.channels_a + 3), c_.channels_a, tables[0].data(),
                           tables[1].data()};
        if (c_.channels_b > 0)
            conv.sources[1] = {b_.data(), dense_pitch(in_h_, in_w_, c_.channels_b + 5), c_.channels_b, tables[2].data(),
                               tables[3].data()};
        conv.output_pitch = dense_pitch(c_.height, c_.width, pitch());
        conv.epilogue.bias = bias_.floats();
        conv.epilogue.activation = c_.activation;
        conv.epilogue.alpha = 0.3f, conv.epilogue.beta = 0.6f;
        if (c_.residual) {
            conv.epilogue.residual = residual_.data();
            conv.epilogue.residual_pitch = dense_pitch(c_.height, c_.width, c_.out_channels + 1);
        }
        return conv;
    }

    static std::vector<double> decoded(const Buffer& buffer) {
        std::vector<double> numbers(static_cast<std::size_t>(buffer.size()));
        for (std::int64_t i = 0; i < buffer.size(); i++) numbers[static_cast<std::size_t>(i)] = buffer.get(i);
        return numbers;
    }

    double input(int n, int y, int x, int channel) {
        const bool second = channel >= c_.channels_a;
        const int h = second ? in_h_ : a_h_, w = second ? in_w_ : a_w_, upsample = second ? 1 : c_.upsample;
        const int row = source_at(y, h, c_.mode, upsample), column = source_at(x, w, c_.mode, upsample);
        if (row < 0 || column < 0) return 0;
        const std::int64_t pixel = (std::int64_t{n} * h + row) * w + column;
        return second ? b_numbers_[pixel * (c_.channels_b + 5) + channel - c_.channels_a]
                      : a_numbers_[pixel * (c_.channels_a + 3) + channel];
    }

    double expected(int n, int y, int x, int k) {
        const int channels = c_.channels_a + c_.channels_b;
        double sum = bias_.get(k);
        for (int c = 0; c < channels; c++)
            for (int i = 0; i < 9; i++)
                sum += filter_numbers_[(std::int64_t{k} * channels + c) * 9 + i] *
                       input(n, y + i / 3 - c_.pad, x + i % 3 - c_.pad, c);
        if (c_.residual)
            sum += residual_.get(((std::int64_t{n} * c_.height + y) * c_.width + x) * (c_.out_channels + 1) + k);
        return reference_activation(c_.activation, 0.3f, 0.6f, sum);
    }

    void compare(const Buffer& output) {
        ErrorMeasure error;
        auto expected = expected_.begin();
        for (int n = 0; n < c_.batch; n++)
            for (int y = 0; y < c_.height; y++)
                for (int x = 0; x < c_.width; x++) {
                    const std::int64_t at = ((std::int64_t{n} * c_.height + y) * c_.width + x) * pitch();
                    for (int k = 0; k < c_.out_channels; k++) error.add(output.get(at + k), *expected++);
                    for (int k = c_.out_channels; k < pitch(); k++)
                        ASSERT_TRUE(std::isnan(output.get(at + k)))
                            << "channel " << k << " is not the kernel's to write";
                }
        EXPECT_LE(error.value(), tolerance(c_.type, 1e-5));
    }

    Case c_;
    int in_h_, in_w_, a_h_, a_w_;
    Buffer a_, b_, filters_, bias_, residual_;
    std::vector<double> a_numbers_, b_numbers_, filter_numbers_, expected_;
};

constexpr PadMode kZero = PadMode::zero, kReflect = PadMode::reflect, kEdge = PadMode::edge;
using enum Activation;
const Case kCases[] = {
    {1, 4, 4, 16, 0, 32, 1, kZero, 1, none, false, DType::f32},
    {1, 1, 1, 3, 0, 1, 1, kZero, 1, relu, false, DType::f32},
    {2, 7, 5, 19, 0, 35, 1, kZero, 1, relu, true, DType::f32},
    {1, 9, 14, 33, 0, 16, 0, kZero, 1, leaky_relu, true, DType::f32},
    {1, 6, 11, 8, 0, 70, 2, kZero, 1, sigmoid, false, DType::f32},
    {3, 6, 10, 17, 9, 20, 1, kReflect, 2, elu, false, DType::f32},
    {1, 8, 12, 32, 16, 48, 1, kEdge, 2, silu, true, DType::f32},
    {2, 7, 5, 19, 0, 35, 1, kZero, 1, relu, true, DType::bf16},
    {1, 6, 10, 17, 9, 40, 1, kReflect, 2, gelu, false, DType::bf16},
    {1, 13, 13, 64, 0, 31, 1, kReflect, 1, hard_swish, true, DType::bf16},
};

TEST(Winograd, MatchesDirectConvolution) {
    using enum WinogradBlocking::Mode;
    for (const Case& c : kCases) {
        Problem problem(c);
        for (const std::int64_t target : targets()) {
            UseTarget use(target);
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - kCases);
            problem.check(1, {});
            problem.check(2, {private_tiles, 3});
            problem.check(2, {shared_tiles, 0});
            problem.check(3, {shared_tiles, 5});
        }
    }
}

TEST(Winograd, ActivationsMatchTheirDefinitions) {
    for (const Activation a : {clip, tanh, gelu_tanh, softplus, mish, hard_sigmoid, gelu, elu}) {
        SCOPED_TRACE(static_cast<int>(a));
        Problem({1, 5, 6, 7, 0, 18, 1, kZero, 1, a, true, DType::f32}).check(1, {});
    }
}

TEST(Winograd, StaysExactWithManyChannels) {
    Problem({1, 14, 14, 512, 0, 32, 1, kZero, 1, none, false, DType::f32}).check(2, {});
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
