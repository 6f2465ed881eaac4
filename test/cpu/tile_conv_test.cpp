#include "backend/cpu/simd/tile_conv.hpp"

#include "conv_reference.hpp"

namespace fovea::backend::cpu::simd {
namespace {

constexpr PadMode kZero = PadMode::zero, kReflect = PadMode::reflect, kEdge = PadMode::edge;

/// Sizes of a convolution of two concatenated sources, the first of them upsampled. Axes in the order y, x.
struct Sizes {
    int batch, in[2], channels_a, channels_b, out_channels, kernel[2], stride[2], dilation[2], pad;
    PadMode mode = kZero;
    int upsample = 1;
    [[nodiscard]] int out(int axis) const {
        return (in[axis] + 2 * pad - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1;
    }
    [[nodiscard]] int channels() const { return channels_a + channels_b; }
};

/// Random data for `Sizes` and the sums in double, before bias and activation.
class Problem {
  public:
    explicit Problem(const Sizes& sizes)
        : s_(sizes),
          a_(DType::bf16, std::int64_t{s_.batch} * (s_.in[0] / s_.upsample) * (s_.in[1] / s_.upsample) * pitch_a()),
          b_(DType::bf16, std::int64_t{s_.batch} * s_.in[0] * s_.in[1] * pitch_b()),
          filters_(DType::bf16, std::int64_t{s_.out_channels} * s_.channels() * s_.kernel[0] * s_.kernel[1]),
          packable_(DType::f32, filters_.size()) {
        a_.randomise(1), b_.randomise(2), filters_.randomise(3);
        for (std::int64_t i = 0; i < filters_.size(); i++) packable_.set(i, filters_.get(i));
        for (int n = 0; n < s_.batch; n++)
            for (int y = 0; y < s_.out(0); y++)
                for (int x = 0; x < s_.out(1); x++)
                    for (int k = 0; k < s_.out_channels; k++) expected_.push_back(sum(n, y, x, k));
    }
    [[nodiscard]] const Sizes& sizes() const { return s_; }
    [[nodiscard]] const float* filters() { return packable_.floats(); }
    /// [image][row][column][channel]
    [[nodiscard]] const std::vector<double>& expected() const { return expected_; }

    void describe(TileConv& conv, bool tables) {
        conv.batch = s_.batch, conv.height = s_.out(0), conv.width = s_.out(1), conv.out_channels = s_.out_channels;
        conv.kernel_height = s_.kernel[0], conv.kernel_width = s_.kernel[1];
        conv.stride_y = s_.stride[0], conv.stride_x = s_.stride[1];
        conv.dilation_y = s_.dilation[0], conv.dilation_x = s_.dilation[1];
        for (int i = 0; i < 4; i++) {
            const int axis = i % 2, upsample = i < 2 ? s_.upsample : 1;
            tables_[i].resize(static_cast<std::size_t>(
                tile_conv_table_size(s_.out(axis), s_.kernel[axis], s_.stride[axis], s_.dilation[axis])));
            fill_source_index(tables_[i].data(), static_cast<int>(tables_[i].size()), s_.in[axis] / upsample, s_.pad,
                              s_.pad, s_.mode, upsample);
        }
        conv.sources[0] = {a_.data(), dense_pitch(s_.in[0] / s_.upsample, s_.in[1] / s_.upsample, pitch_a()),
                           s_.channels_a, tables ? tables_[0].data() : nullptr, tables ? tables_[1].data() : nullptr};
        if (s_.channels_b > 0)
            conv.sources[1] = {b_.data(), dense_pitch(s_.in[0], s_.in[1], pitch_b()), s_.channels_b, tables_[2].data(),
                               tables_[3].data()};
    }

  private:
    [[nodiscard]] int pitch_a() const { return s_.channels_a + 3; }
    [[nodiscard]] int pitch_b() const { return s_.channels_b + 5; }

    [[nodiscard]] double input(int n, int y, int x, int channel) const {
        const bool second = channel >= s_.channels_a;
        const int upsample = second ? 1 : s_.upsample, h = s_.in[0] / upsample, w = s_.in[1] / upsample;
        const int row = source_at(y, h, s_.mode, upsample), column = source_at(x, w, s_.mode, upsample);
        if (row < 0 || column < 0) return 0;
        const std::int64_t pixel = (std::int64_t{n} * h + row) * w + column;
        return second ? b_.get(pixel * pitch_b() + channel - s_.channels_a) : a_.get(pixel * pitch_a() + channel);
    }

    [[nodiscard]] double sum(int n, int y, int x, int k) const {
        double total = 0;
        std::int64_t weight = std::int64_t{k} * s_.channels() * s_.kernel[0] * s_.kernel[1];
        for (int c = 0; c < s_.channels(); c++)
            for (int i = 0; i < s_.kernel[0]; i++)
                for (int j = 0; j < s_.kernel[1]; j++)
                    total += static_cast<double>(filters_.get(weight++)) *
                             input(n, y * s_.stride[0] + i * s_.dilation[0] - s_.pad,
                                   x * s_.stride[1] + j * s_.dilation[1] - s_.pad, c);
        return total;
    }

    Sizes s_;
    Buffer a_, b_, filters_, packable_;
    std::vector<double> expected_;
    std::vector<std::int32_t> tables_[4];
};

struct Finish {
    DType type;
    Activation activation;
    bool residual;
};

void check(Problem& problem, const Finish& finish, bool tables, int threads, TileBlocking blocking) {
    TileConv conv;
    problem.describe(conv, tables);
    const int channels = conv.out_channels, pitch = channels + 7, residual_pitch = channels + 1;
    const std::int64_t pixels = std::int64_t{conv.batch} * conv.height * conv.width;
    Buffer bias(DType::f32, channels), residual(finish.type, pixels * residual_pitch),
        output(finish.type, pixels * pitch);
    bias.randomise(4), residual.randomise(5);
    Buffer packed(DType::f32, static_cast<std::int64_t>(tile_conv_packed_size(conv) / 4));
    tile_conv_pack(conv, problem.filters(), packed.data());
    conv.weights = packed.data();
    conv.type = finish.type;
    conv.output = output.data(), conv.output_pitch = dense_pitch(conv.height, conv.width, pitch);
    conv.epilogue = {bias.floats(),
                     finish.residual ? residual.data() : nullptr,
                     dense_pitch(conv.height, conv.width, residual_pitch),
                     finish.activation,
                     0.3f,
                     0.6f};
    Buffer workspace(DType::f32, static_cast<std::int64_t>(tile_conv_workspace(conv, threads, blocking) / 4));
    tile_conv(conv, workspace.data(), threads, blocking);

    ErrorMeasure error;
    auto expected = problem.expected().begin();
    for (std::int64_t pixel = 0; pixel < pixels; pixel++) {
        for (int k = 0; k < channels; k++) {
            const double sum =
                *expected++ + bias.get(k) + (finish.residual ? residual.get(pixel * residual_pitch + k) : 0);
            error.add(output.get(pixel * pitch + k), reference_activation(finish.activation, 0.3f, 0.6f, sum));
        }
        for (std::int64_t k = channels; k < pitch; k++)
            ASSERT_TRUE(std::isnan(output.get(pixel * pitch + k)))
                << "channel " << k << " is not the kernel's to write";
    }
    EXPECT_LE(error.value(), tolerance(finish.type, 1e-5));
}

void check_all(const Sizes& sizes, const Finish& finish, bool tables = true) {
    Problem problem(sizes);
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        SCOPED_TRACE(testing::Message() << target_name() << (target_has_tiles() ? " with tiles" : " emulated"));
        check(problem, finish, tables, 1, {});
        for (const int rows : {2, 4}) {
            check(problem, finish, tables, 2, {rows, 1, 1, 1, 2});
            check(problem, finish, tables, 2, {rows, 3, 5000, 2, 0});
            check(problem, finish, tables, 3, {rows, 64, 3000, 3, 0});
        }
    }
}

TEST(TileConv, MatchesDirectConvolution) {
    using enum Activation;
    const auto bf16 = DType::bf16, f32 = DType::f32;
    const std::pair<Sizes, Finish> cases[] = {
        {{1, {8, 8}, 32, 0, 32, {1, 1}, {1, 1}, {1, 1}, 0}, {bf16, none, false}},
        {{1, {1, 1}, 3, 0, 1, {3, 3}, {1, 1}, {1, 1}, 1}, {bf16, relu, false}},
        {{2, {7, 5}, 19, 0, 35, {3, 3}, {1, 1}, {1, 1}, 1}, {bf16, relu, true}},
        {{1, {9, 14}, 64, 0, 48, {3, 3}, {1, 1}, {1, 1}, 0}, {f32, leaky_relu, true}},
        {{2, {13, 11}, 33, 0, 50, {3, 3}, {2, 2}, {1, 1}, 1}, {bf16, sigmoid, false}},
        {{1, {14, 9}, 70, 0, 20, {1, 1}, {2, 2}, {1, 1}, 0}, {bf16, none, true}},
        {{1, {12, 17}, 16, 0, 33, {5, 3}, {2, 1}, {1, 2}, 2}, {bf16, clip, false}},
        {{1, {15, 15}, 40, 0, 16, {3, 3}, {1, 1}, {6, 6}, 6}, {bf16, relu, false}},
        {{1, {17, 16}, 8, 0, 24, {7, 7}, {3, 2}, {1, 1}, 3}, {f32, none, false}},
        {{1, {3, 40}, 96, 0, 100, {3, 3}, {1, 1}, {1, 1}, 1}, {bf16, gelu, true}},
        {{2, {6, 10}, 17, 9, 20, {3, 3}, {1, 1}, {1, 1}, 1, kReflect, 2}, {bf16, elu, false}},
        {{1, {8, 12}, 32, 48, 40, {3, 3}, {1, 1}, {1, 1}, 1, kEdge, 2}, {bf16, silu, true}},
    };
    for (const auto& [sizes, finish] : cases) {
        SCOPED_TRACE(testing::Message() << "case " << &sizes - &cases[0].first);
        check_all(sizes, finish);
    }
}

TEST(TileConv, ReadsTheInputAsItStands) {
    check_all({2, {7, 9}, 64, 0, 50, {1, 1}, {1, 1}, {1, 1}, 0}, {DType::bf16, Activation::relu, true}, false);
    check_all({1, {3, 3}, 32, 0, 16, {1, 1}, {1, 1}, {1, 1}, 0}, {DType::f32, Activation::none, false}, false);
    check_all({1, {5, 6}, 40, 0, 17, {1, 1}, {1, 1}, {1, 1}, 0}, {DType::bf16, Activation::none, false}, false);
}

TEST(TileConv, StaysExactWithManyChannels) {
    check_all({1, {7, 7}, 512, 0, 48, {3, 3}, {1, 1}, {1, 1}, 1}, {DType::f32, Activation::none, false});
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
