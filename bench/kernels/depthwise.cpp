// Depthwise convolution beside oneDNN's, both with bias and ReLU.
// usage: OMP_NUM_THREADS=2 bench_depthwise; arguments of a case: C H W kernel stride bf16
#include "backend/cpu/simd/depthwise.hpp"

#include "compare.hpp"
#include "dnnl_conv.hpp"

namespace fovea::bench {
namespace {

using namespace backend::cpu::simd;

void depthwise(benchmark::State& state) {
    const auto at = [&](int i) { return static_cast<int>(state.range(i)); };
    const ConvShape s{1, at(0), at(1), at(2), at(0), at(3), at(4), at(3) / 2, at(0)};
    const bool bf16 = at(5) != 0;
    DepthwiseConv conv{1,        s.c,      s.h,      s.w, s.out(s.h), s.out(s.w), s.kernel,
                       s.kernel, s.stride, s.stride, 1,   1,          s.pad,      s.pad};
    conv.type = bf16 ? DType::bf16 : DType::f32;
    const std::size_t element = bf16 ? 2 : 4, in = static_cast<std::size_t>(s.h) * s.w * s.c * element;
    const std::size_t out = static_cast<std::size_t>(conv.out_height) * conv.out_width * s.c * element;
    const Memory input(in), output(out), bias(s.c * 4), weights(depthwise_packed_size(conv) * 4);
    conv.input = input.data.get(), conv.input_pitch = dense_pitch(s.h, s.w, s.c);
    conv.weights = weights.floats();
    conv.output = output.data.get(), conv.output_pitch = dense_pitch(conv.out_height, conv.out_width, s.c);
    conv.epilogue.bias = bias.floats(), conv.epilogue.activation = Activation::relu;
    DnnlConv library(s, bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32);
    compare(
        state, [&] { depthwise_conv(conv, base::thread_count()); }, [&] { library.run(); }, s.flops(),
        static_cast<double>(in + out));
}

void shapes(benchmark::internal::Benchmark* b) {
    for (const int bf16 : {0, 1})
        for (const auto& [c, h, w, kernel, stride] : std::vector<std::array<int, 5>>{{128, 256, 256, 3, 1},
                                                                                     {256, 128, 128, 3, 1},
                                                                                     {640, 64, 64, 3, 1},
                                                                                     {1024, 32, 32, 3, 1},
                                                                                     {96, 112, 112, 3, 2},
                                                                                     {240, 28, 28, 5, 1}})
            b->Args({c, h, w, kernel, stride, bf16});
}

BENCHMARK(depthwise)->Apply(shapes)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);

}  // namespace
}  // namespace fovea::bench
