// Memory-bound kernels beside oneDNN's: resizing, softmax, layer normalisation, chains of element-wise steps,
// transposition. usage: OMP_NUM_THREADS=2 bench_memory; the last argument of a case is bf16
#include <dnnl.hpp>

#include "backend/cpu/simd/pointwise.hpp"
#include "backend/cpu/simd/pool.hpp"
#include "backend/cpu/simd/resize.hpp"
#include "backend/cpu/simd/rows.hpp"
#include "backend/cpu/simd/transpose.hpp"
#include "compare.hpp"

namespace fovea::bench {
namespace {

using namespace backend::cpu::simd;
using tag = dnnl::memory::format_tag;

dnnl::engine& engine() {
    static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
    return instance;
}

/// A oneDNN primitive and its arguments.
struct Library {
    dnnl::primitive primitive;
    std::unordered_map<int, dnnl::memory> arguments;
    dnnl::stream stream{engine()};
    void bind(int argument, const dnnl::memory::desc& desc) {
        dnnl::memory memory(desc, engine());
        std::memset(memory.get_data_handle(), 0, desc.get_size());
        arguments.emplace(argument, memory);
    }
    void run() {
        primitive.execute(stream, arguments);
        stream.wait();
    }
};

dnnl::memory::data_type dnnl_type(bool bf16) {
    return bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}
DType type_of(bool bf16) { return bf16 ? DType::bf16 : DType::f32; }

/// C H W (of the input) factor bf16
void resize(benchmark::State& state) {
    const int c = static_cast<int>(state.range(0)), h = static_cast<int>(state.range(1)),
              w = static_cast<int>(state.range(2));
    const int factor = static_cast<int>(state.range(3));
    const bool bf16 = state.range(4) != 0;
    const std::size_t in = static_cast<std::size_t>(h) * w * c * (bf16 ? 2 : 4), out = in * factor * factor;
    const Memory input(in), output(out);
    std::vector<LinearTap> rows(h * factor), columns(w * factor);
    fill_linear_taps(rows.data(), h, h * factor, factor, Coordinates::half_pixel);
    fill_linear_taps(columns.data(), w, w * factor, factor, Coordinates::half_pixel);
    BilinearResize r{1,
                     c,
                     h,
                     w,
                     h * factor,
                     w * factor,
                     type_of(bf16),
                     input.data.get(),
                     dense_pitch(h, w, c),
                     rows.data(),
                     columns.data(),
                     output.data.get(),
                     dense_pitch(h * factor, w * factor, c)};
    const Memory workspace(bilinear_resize_workspace(r, base::thread_count()));
    Library library;
    const dnnl::memory::desc from({1, c, h, w}, dnnl_type(bf16), tag::nhwc),
        to({1, c, h * factor, w * factor}, dnnl_type(bf16), tag::nhwc);
    library.primitive = dnnl::resampling_forward(dnnl::resampling_forward::primitive_desc(
        engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::resampling_linear, from, to));
    library.bind(DNNL_ARG_SRC, from), library.bind(DNNL_ARG_DST, to);
    compare(
        state, [&] { bilinear_resize(r, workspace.data.get(), base::thread_count()); }, [&] { library.run(); }, 0,
        static_cast<double>(in + out));
}
BENCHMARK(resize)
    ->Args({128, 64, 128, 2, 0})
    ->Args({19, 128, 256, 4, 0})
    ->Args({64, 128, 128, 2, 1})
    ->Args({1, 256, 256, 4, 0})
    ->UseManualTime()
    ->MinTime(0.2);

/// rows width bf16
void softmax_rows(benchmark::State& state) {
    const std::int64_t rows = state.range(0), width = state.range(1);
    const bool bf16 = state.range(2) != 0;
    const std::size_t bytes = static_cast<std::size_t>(rows * width) * (bf16 ? 2 : 4);
    const Memory input(bytes), output(bytes);
    Library library;
    const dnnl::memory::desc desc({rows, width}, dnnl_type(bf16), tag::ab);
    library.primitive = dnnl::softmax_forward(dnnl::softmax_forward::primitive_desc(
        engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::softmax_accurate, desc, desc, 1));
    library.bind(DNNL_ARG_SRC, desc), library.bind(DNNL_ARG_DST, desc);
    compare(
        state,
        [&] {
            softmax({{rows, width}, type_of(bf16), input.data.get(), width, output.data.get(), width},
                    base::thread_count());
        },
        [&] { library.run(); }, 0, 2.0 * static_cast<double>(bytes));
}
BENCHMARK(softmax_rows)
    ->Args({6800, 850, 0})
    ->Args({6800, 850, 1})
    ->Args({65536, 1024, 0})
    ->Args({131072, 19, 0})
    ->UseManualTime()
    ->MinTime(0.2);

/// rows width bf16
void norm_rows(benchmark::State& state) {
    const std::int64_t rows = state.range(0), width = state.range(1);
    const bool bf16 = state.range(2) != 0;
    const std::size_t bytes = static_cast<std::size_t>(rows * width) * (bf16 ? 2 : 4);
    const Memory input(bytes), output(bytes), scale(static_cast<std::size_t>(width) * 4),
        shift(static_cast<std::size_t>(width) * 4);
    LayerNorm norm{{rows, width},     type_of(bf16), input.data.get(), width,         nullptr, 0, nullptr, 0,
                   output.data.get(), width,         scale.floats(),   shift.floats()};
    const Memory workspace(layer_norm_workspace(norm, base::thread_count()));
    Library library;
    const dnnl::memory::desc desc({rows, width}, dnnl_type(bf16), tag::ab),
        vector({width}, dnnl::memory::data_type::f32, tag::a);
    library.primitive = dnnl::layer_normalization_forward(dnnl::layer_normalization_forward::primitive_desc(
        engine(), dnnl::prop_kind::forward_inference, desc, desc, 1e-5f,
        dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift));
    library.bind(DNNL_ARG_SRC, desc), library.bind(DNNL_ARG_DST, desc), library.bind(DNNL_ARG_SCALE, vector),
        library.bind(DNNL_ARG_SHIFT, vector);
    compare(
        state, [&] { layer_norm(norm, workspace.data.get(), base::thread_count()); }, [&] { library.run(); }, 0,
        2.0 * static_cast<double>(bytes));
}
BENCHMARK(norm_rows)
    ->Args({850, 256, 0})
    ->Args({65536, 32, 0})
    ->Args({65536, 32, 1})
    ->Args({16384, 64, 0})
    ->Args({1024, 256, 1})
    ->UseManualTime()
    ->MinTime(0.2);

/// elements channels bf16: relu(x · scale[channel] + y)
void chain(benchmark::State& state) {
    const std::int64_t count = state.range(0), channels = state.range(1);
    const bool bf16 = state.range(2) != 0;
    const std::size_t bytes = static_cast<std::size_t>(count) * (bf16 ? 2 : 4);
    const Memory x(bytes), y(bytes), scale(static_cast<std::size_t>(channels) * 4), output(bytes);
    Pointwise p;
    p.axes = 2, p.extents[0] = count / channels, p.extents[1] = channels, p.input_count = 3, p.step_count = 3;
    p.inputs[0] = {x.data.get(), type_of(bf16), {channels, 1}};
    p.inputs[1] = {scale.data.get(), DType::f32, {0, 1}};
    p.inputs[2] = {y.data.get(), type_of(bf16), {channels, 1}};
    p.steps[0] = {PointwiseOp::multiply, 0, 1, 0}, p.steps[1] = {PointwiseOp::add, 0, 2, 0},
    p.steps[2] = {PointwiseOp::activation, 0, 0, 0, Activation::relu};
    p.output = output.data.get(), p.output_type = type_of(bf16), p.output_strides[0] = channels,
    p.output_strides[1] = 1;
    simplify(p);
    Library library;
    const dnnl::memory::desc full({count / channels, channels}, dnnl_type(bf16), tag::ab),
        vector({1, channels}, dnnl::memory::data_type::f32, tag::ab);
    dnnl::post_ops ops;
    ops.append_binary(dnnl::algorithm::binary_add, full);
    ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
    dnnl::primitive_attr attr;
    attr.set_post_ops(ops);
    library.primitive =
        dnnl::binary(dnnl::binary::primitive_desc(engine(), dnnl::algorithm::binary_mul, full, vector, full, attr));
    library.bind(DNNL_ARG_SRC_0, full), library.bind(DNNL_ARG_SRC_1, vector), library.bind(DNNL_ARG_DST, full);
    library.bind(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, full);
    compare(
        state, [&] { pointwise(p, base::thread_count()); }, [&] { library.run(); }, 0,
        3.0 * static_cast<double>(bytes));
}
BENCHMARK(chain)
    ->Args({1 << 20, 64, 0})
    ->Args({1 << 20, 64, 1})
    ->Args({1 << 16, 256, 0})
    ->UseManualTime()
    ->MinTime(0.2);

/// rows columns bf16
void transpose_matrix(benchmark::State& state) {
    const std::int64_t rows = state.range(0), columns = state.range(1);
    const bool bf16 = state.range(2) != 0;
    const std::size_t bytes = static_cast<std::size_t>(rows * columns) * (bf16 ? 2 : 4);
    const Memory input(bytes), output(bytes);
    Library library;
    const dnnl::memory::desc from({rows, columns}, dnnl_type(bf16), tag::ab),
        to({rows, columns}, dnnl_type(bf16), tag::ba);
    library.primitive = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
    library.bind(DNNL_ARG_FROM, from), library.bind(DNNL_ARG_TO, to);
    compare(
        state,
        [&] {
            transpose({1, rows, columns, type_of(bf16), type_of(bf16), input.data.get(), columns, 0, output.data.get(),
                       rows, 0},
                      base::thread_count());
        },
        [&] { library.run(); }, 0, 2.0 * static_cast<double>(bytes));
}
BENCHMARK(transpose_matrix)
    ->Args({64, 16384, 0})
    ->Args({16384, 64, 0})
    ->Args({64, 16384, 1})
    ->Args({3, 262144, 0})
    ->Args({256, 850, 0})
    ->UseManualTime()
    ->MinTime(0.2);

/// C H W bf16: 3x3 maximum, stride 2
void max_pool(benchmark::State& state) {
    const int c = static_cast<int>(state.range(0)), h = static_cast<int>(state.range(1)),
              w = static_cast<int>(state.range(2));
    const bool bf16 = state.range(3) != 0;
    const std::size_t in = static_cast<std::size_t>(h) * w * c * (bf16 ? 2 : 4);
    const Memory input(in), output(in / 4);
    Pool p{Pool::Kind::max,
           1,
           c,
           h,
           w,
           h / 2,
           w / 2,
           3,
           3,
           2,
           2,
           1,
           1,
           1,
           1,
           1,
           1,
           type_of(bf16),
           input.data.get(),
           dense_pitch(h, w, c),
           output.data.get(),
           dense_pitch(h / 2, w / 2, c)};
    Library library;
    const dnnl::memory::desc from({1, c, h, w}, dnnl_type(bf16), tag::nhwc),
        to({1, c, h / 2, w / 2}, dnnl_type(bf16), tag::nhwc);
    library.primitive = dnnl::pooling_forward(dnnl::pooling_forward::primitive_desc(
        engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_max, from, to, {2, 2}, {3, 3}, {0, 0},
        {1, 1}, {1, 1}));
    library.bind(DNNL_ARG_SRC, from), library.bind(DNNL_ARG_DST, to);
    compare(
        state, [&] { pool(p, base::thread_count()); }, [&] { library.run(); }, 0, 1.25 * static_cast<double>(in));
}
BENCHMARK(max_pool)
    ->Args({64, 256, 512, 0})
    ->Args({64, 256, 512, 1})
    ->Args({64, 112, 112, 0})
    ->Args({64, 112, 112, 1})
    ->UseManualTime()
    ->MinTime(0.2);

}  // namespace
}  // namespace fovea::bench
