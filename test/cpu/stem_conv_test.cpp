#include "backend/cpu/simd/stem_conv.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    int batch, channels, height, width, out_channels, kernel_h, kernel_w, stride, pad_top, pad_left, pad_end;
    bool channels_last;
    DType input_type, type;
    Activation activation;
    bool residual;
};

class Problem {
  public:
    explicit Problem(const Case& c)
        : c_(c),
          out_h_((c.height + c.pad_top + c.pad_end - c.kernel_h) / c.stride + 1),
          out_w_((c.width + c.pad_left + c.pad_end - c.kernel_w) / c.stride + 1),
          input_(c.input_type == DType::u8 ? DType::f32 : c.input_type,
                 std::int64_t{c.batch} * c.channels * c.height * c.width),
          filters_(DType::f32, std::int64_t{c.out_channels} * c.channels * c.kernel_h * c.kernel_w),
          bias_(DType::f32, c.out_channels),
          residual_(c.type, std::int64_t{c.batch} * out_h_ * out_w_ * (c.out_channels + 1)) {
        input_.randomise(1), filters_.randomise(2), bias_.randomise(3), residual_.randomise(4);
        for (std::int64_t i = 0; i < input_.size(); i++) {
            bytes_.push_back(static_cast<std::uint8_t>(i * 37 % 256));
            if (c.input_type == DType::u8) input_.set(i, bytes_.back());
        }
        const std::int64_t pixels = std::int64_t{c.height} * c.width;
        conv_ = {c.batch, c.channels, c.height,   c.width,  c.out_channels, out_h_,
                 out_w_,  c.kernel_h, c.kernel_w, c.stride, c.pad_top,      c.pad_left};
        conv_.input_type = c.input_type;
        conv_.input = c.input_type == DType::u8 ? bytes_.data() : input_.data();
        conv_.image_step = pixels * c.channels;
        conv_.channel_step = c.channels_last ? 1 : pixels;
        conv_.pixel_step = c.channels_last ? c.channels : 1;
        conv_.row_step = conv_.pixel_step * c.width;
        if (c.input_type == DType::u8) conv_.input_scale = kScale, conv_.input_shift = kShift;
        conv_.type = c.type;
        conv_.output_pitch = dense_pitch(out_h_, out_w_, c.out_channels + 3);
        conv_.epilogue.bias = bias_.floats();
        conv_.epilogue.activation = c.activation;
        if (c.residual) {
            conv_.epilogue.residual = residual_.data();
            conv_.epilogue.residual_pitch = dense_pitch(out_h_, out_w_, c.out_channels + 1);
        }
    }

    void check(int threads, DType multiply) {
        conv_.multiply = multiply;
        Buffer packed(DType::f32, static_cast<std::int64_t>(stem_packed_size(conv_)));
        stem_pack(conv_, filters_.floats(), packed.floats());
        const int pitch = c_.out_channels + 3;
        Buffer output(c_.type, std::int64_t{c_.batch} * out_h_ * out_w_ * pitch);
        conv_.weights = packed.floats(), conv_.output = output.data();
        Buffer workspace(DType::f32, static_cast<std::int64_t>(stem_workspace(conv_, threads) / 4));
        stem_conv(conv_, workspace.data(), threads);
        ErrorMeasure error;
        for (int n = 0; n < c_.batch; n++)
            for (int y = 0; y < out_h_; y++)
                for (int x = 0; x < out_w_; x++) {
                    const std::int64_t pixel = (std::int64_t{n} * out_h_ + y) * out_w_ + x;
                    for (int k = 0; k < c_.out_channels; k++)
                        error.add(output.get(pixel * pitch + k), expected(n, y, x, k));
                    for (int k = c_.out_channels; k < pitch; k++)
                        ASSERT_TRUE(std::isnan(output.get(pixel * pitch + k)));
                }
        EXPECT_LE(error.value(), tolerance(multiply == DType::bf16 ? multiply : c_.type, 2e-6));
    }

  private:
    double expected(int n, int y, int x, int k) {
        double sum = bias_.get(k);
        for (int c = 0; c < c_.channels; c++)
            for (int ky = 0; ky < c_.kernel_h; ky++)
                for (int kx = 0; kx < c_.kernel_w; kx++) {
                    const int row = y * c_.stride + ky - c_.pad_top, column = x * c_.stride + kx - c_.pad_left;
                    if (row < 0 || row >= c_.height || column < 0 || column >= c_.width) continue;
                    double value = input_.get(n * conv_.image_step + c * conv_.channel_step + row * conv_.row_step +
                                              column * conv_.pixel_step);
                    if (conv_.input_scale) value = value * kScale[c] + kShift[c];
                    sum += value *
                           filters_.get(((std::int64_t{k} * c_.channels + c) * c_.kernel_h + ky) * c_.kernel_w + kx);
                }
        if (c_.residual)
            sum += residual_.get(((std::int64_t{n} * out_h_ + y) * out_w_ + x) * (c_.out_channels + 1) + k);
        return reference_activation(c_.activation, 0, 0, sum);
    }

    static constexpr float kScale[4] = {0.017f, 0.018f, 0.02f, 0.01f}, kShift[4] = {-2, -2.1f, 1, 0};
    Case c_;
    int out_h_, out_w_;
    Buffer input_, filters_, bias_, residual_;
    std::vector<std::uint8_t> bytes_;
    StemConv conv_;
};

TEST(StemConv, MatchesDirectConvolution) {
    using enum DType;
    const Case cases[] = {
        {1, 3, 19, 23, 64, 7, 7, 2, 3, 3, 3, false, f32, f32, Activation::relu, false},
        {2, 3, 15, 33, 20, 3, 3, 2, 1, 1, 0, false, f32, f32, Activation::silu, true},
        {1, 3, 9, 40, 33, 3, 3, 1, 0, 2, 1, true, u8, f32, Activation::none, false},
        {2, 1, 8, 8, 5, 5, 3, 1, 2, 1, 2, true, f32, bf16, Activation::relu, true},
        {1, 4, 30, 31, 32, 7, 7, 4, 3, 3, 3, true, bf16, bf16, Activation::hard_swish, false},
        {1, 3, 19, 23, 40, 7, 7, 2, 3, 3, 3, false, f16, f16, Activation::relu, true},
        {1, 3, 16, 17, 40, 4, 4, 4, 0, 0, 0, false, f32, f32, Activation::none, false},
        {1, 2, 3, 2, 7, 1, 1, 3, 0, 0, 0, false, f32, f32, Activation::none, false},
        {1, 2, 2, 3, 7, 7, 7, 2, 3, 3, 3, false, f32, f32, Activation::none, false},
    };
    for (const Case& c : cases) {
        Problem problem(c);
        for (const std::int64_t target : targets()) {
            UseTarget use(target);
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            for (const int threads : {1, 2, 5}) problem.check(threads, f32);
            if (target_has_bf16_products()) problem.check(2, bf16);
        }
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
