#include "backend/cpu/simd/depthwise.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    int batch, channels, height, width, kernel, stride_y, stride_x, dilation, pad, pad_end;
    Activation activation;
    bool residual;
    DType type;
};

class Problem {
  public:
    explicit Problem(const Case& c)
        : c_(c),
          out_h_((c.height + c.pad + c.pad_end - (c.kernel - 1) * c.dilation - 1) / c.stride_y + 1),
          out_w_((c.width + c.pad + c.pad_end - (c.kernel - 1) * c.dilation - 1) / c.stride_x + 1),
          input_(c.type, std::int64_t{c.batch} * c.height * c.width * (c.channels + 2)),
          filters_(DType::f32, c.channels * c.kernel * c.kernel),
          bias_(DType::f32, c.channels),
          residual_(c.type, std::int64_t{c.batch} * out_h_ * out_w_ * (c.channels + 1)) {
        input_.randomise(1), filters_.randomise(2), bias_.randomise(3), residual_.randomise(4);
        for (int n = 0; n < c.batch; n++)
            for (int y = 0; y < out_h_; y++)
                for (int x = 0; x < out_w_; x++)
                    for (int k = 0; k < c.channels; k++) expected_.push_back(expected(n, y, x, k));
    }

    void check(int threads) {
        DepthwiseConv conv{c_.batch,    c_.channels, c_.height,   c_.width,    out_h_, out_w_, c_.kernel, c_.kernel,
                           c_.stride_y, c_.stride_x, c_.dilation, c_.dilation, c_.pad, c_.pad, c_.type};
        Buffer packed(DType::f32, static_cast<std::int64_t>(depthwise_packed_size(conv)));
        depthwise_pack(conv, filters_.floats(), packed.floats());
        const int pitch = c_.channels + 3;
        const std::int64_t pixels = std::int64_t{c_.batch} * out_h_ * out_w_;
        Buffer output(c_.type, pixels * pitch);
        conv.input = input_.data(), conv.input_pitch = dense_pitch(c_.height, c_.width, c_.channels + 2);
        conv.weights = packed.floats();
        conv.output = output.data(), conv.output_pitch = dense_pitch(out_h_, out_w_, pitch);
        conv.epilogue = {bias_.floats(), c_.residual ? residual_.data() : nullptr,
                         dense_pitch(out_h_, out_w_, c_.channels + 1), c_.activation};
        depthwise_conv(conv, threads);
        ErrorMeasure error;
        auto next = expected_.begin();
        for (std::int64_t pixel = 0; pixel < pixels; pixel++) {
            for (int k = 0; k < c_.channels; k++) error.add(output.get(pixel * pitch + k), *next++);
            for (int k = c_.channels; k < pitch; k++) ASSERT_TRUE(std::isnan(output.get(pixel * pitch + k)));
        }
        EXPECT_LE(error.value(), tolerance(c_.type, 1e-6));
    }

  private:
    double expected(int n, int y, int x, int k) {
        double sum = bias_.get(k);
        for (int i = 0; i < c_.kernel * c_.kernel; i++) {
            const int row = y * c_.stride_y - c_.pad + i / c_.kernel * c_.dilation;
            const int column = x * c_.stride_x - c_.pad + i % c_.kernel * c_.dilation;
            if (row < 0 || row >= c_.height || column < 0 || column >= c_.width) continue;
            const std::int64_t pixel = (std::int64_t{n} * c_.height + row) * c_.width + column;
            sum += static_cast<double>(filters_.get(k * c_.kernel * c_.kernel + i)) *
                   input_.get(pixel * (c_.channels + 2) + k);
        }
        if (c_.residual) sum += residual_.get(((std::int64_t{n} * out_h_ + y) * out_w_ + x) * (c_.channels + 1) + k);
        return reference_activation(c_.activation, 0, 0, sum);
    }

    Case c_;
    int out_h_, out_w_;
    Buffer input_, filters_, bias_, residual_;
    std::vector<double> expected_;
};

TEST(Depthwise, MatchesDirectConvolution) {
    using enum DType;
    const Case cases[] = {
        {1, 1, 1, 1, 3, 1, 1, 1, 1, 1, Activation::none, false, f32},
        {2, 37, 9, 33, 3, 1, 1, 1, 1, 1, Activation::relu, false, f32},
        {1, 48, 10, 41, 3, 2, 2, 1, 1, 0, Activation::hard_swish, true, f32},
        {1, 20, 12, 30, 5, 1, 1, 1, 2, 2, Activation::silu, false, f32},
        {1, 16, 11, 27, 7, 1, 1, 1, 3, 3, Activation::none, true, bf16},
        {2, 33, 13, 29, 3, 1, 2, 2, 2, 1, Activation::relu, false, bf16},
        {1, 64, 20, 19, 3, 1, 1, 1, 0, 0, Activation::gelu, false, bf16},
        {1, 16, 11, 27, 7, 1, 1, 1, 3, 3, Activation::none, true, f16},
        {2, 33, 13, 29, 3, 1, 2, 2, 2, 1, Activation::relu, false, f16},
        {1, 17, 3, 2, 5, 1, 1, 1, 4, 4, Activation::none, false, f32},
        {1, 16, 6, 70, 4, 3, 3, 1, 1, 2, Activation::none, false, f32},
    };
    for (const Case& c : cases) {
        Problem problem(c);
        for (const std::int64_t target : targets()) {
            UseTarget use(target);
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            problem.check(1), problem.check(2);
        }
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
