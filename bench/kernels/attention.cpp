// Attention beside oneDNN's matmul, softmax, matmul in blocks of 128 query rows of all heads, whose scores stay in the
// cache. usage: OMP_NUM_THREADS=2 bench_attention; arguments of a case: heads queries keys width bf16
#include "backend/cpu/simd/attention.hpp"

#include <dnnl.hpp>

#include "backend/cpu/simd/target.hpp"
#include "compare.hpp"

namespace fovea::bench {
namespace {

using namespace backend::cpu::simd;
using dnnl::memory;

/// oneDNN's three primitives on [head][row][width] tensors.
class Library {
  public:
    Library(std::int64_t heads, std::int64_t queries, std::int64_t keys, std::int64_t width, memory::data_type type)
        : queries_(queries),
          width_(width),
          bytes_(type == memory::data_type::bf16 ? 2 : 4),
          engine_(dnnl::engine::kind::cpu, 0),
          stream_(engine_) {
        const auto desc = [](memory::dims d, memory::data_type t, memory::dims strides) {
            return memory::desc(d, t, strides);
        };
        const auto f32 = memory::data_type::f32;
        const memory::desc q = desc({heads, kRows, width}, type, {base_rows(queries) * width, width, 1}),
                           k = desc({heads, width, keys}, type, {keys * width, 1, width});
        const memory::desc v = desc({heads, keys, width}, type, {keys * width, width, 1}),
                           s = desc({heads, kRows, keys}, f32, {kRows * keys, keys, 1});
        const memory::desc p = desc({heads, kRows, keys}, type, {kRows * keys, keys, 1});
        dnnl::primitive_attr attr;
        dnnl::post_ops ops;
        ops.append_eltwise(dnnl::algorithm::eltwise_linear, 0.2f, 0);
        attr.set_post_ops(ops);
        score_ = dnnl::matmul(dnnl::matmul::primitive_desc(engine_, q, k, s, attr));
        softmax_ = dnnl::softmax_forward(dnnl::softmax_forward::primitive_desc(
            engine_, dnnl::prop_kind::forward_inference, dnnl::algorithm::softmax_accurate, s, p, 2));
        weigh_ = dnnl::matmul(dnnl::matmul::primitive_desc(engine_, p, v, q));
        const auto rows = base_rows(queries);
        q_ = memory(desc({heads, rows, width}, type, {rows * width, width, 1}), engine_),
        y_ = memory(q_.get_desc(), engine_);
        k_ = memory(k, engine_), v_ = memory(v, engine_), s_ = memory(s, engine_), p_ = memory(p, engine_);
        q_block_ = memory(q, engine_, nullptr), y_block_ = memory(q, engine_, nullptr);
        for (memory* m : {&q_, &y_, &k_, &v_, &s_, &p_}) std::memset(m->get_data_handle(), 0, m->get_desc().get_size());
    }
    void run() {
        for (std::int64_t row = 0; row < queries_; row += kRows) {
            q_block_.set_data_handle(static_cast<std::byte*>(q_.get_data_handle()) + row * width_ * bytes_);
            y_block_.set_data_handle(static_cast<std::byte*>(y_.get_data_handle()) + row * width_ * bytes_);
            score_.execute(stream_, {{DNNL_ARG_SRC, q_block_}, {DNNL_ARG_WEIGHTS, k_}, {DNNL_ARG_DST, s_}});
            softmax_.execute(stream_, {{DNNL_ARG_SRC, s_}, {DNNL_ARG_DST, p_}});
            weigh_.execute(stream_, {{DNNL_ARG_SRC, p_}, {DNNL_ARG_WEIGHTS, v_}, {DNNL_ARG_DST, y_block_}});
        }
        stream_.wait();
    }

  private:
    static constexpr std::int64_t kRows = 128;
    static std::int64_t base_rows(std::int64_t queries) { return (queries + kRows - 1) / kRows * kRows; }
    std::int64_t queries_, width_, bytes_;
    dnnl::engine engine_;
    dnnl::stream stream_;
    dnnl::matmul score_, weigh_;
    dnnl::softmax_forward softmax_;
    memory q_, k_, v_, s_, p_, y_, q_block_, y_block_;
};

void attend(benchmark::State& state) {
    const std::int64_t heads = state.range(0), queries = state.range(1), keys = state.range(2), width = state.range(3);
    const bool bf16 = state.range(4) != 0;
    const std::size_t element = bf16 ? 2 : 4, row = static_cast<std::size_t>(heads * width) * element;
    const Memory q(queries * row), k(keys * row), v(keys * row), y(queries * row);
    Attention a{1, heads, queries, keys, width, width, bf16 ? DType::bf16 : DType::f32};
    if (bf16 && target_has_bf16_products()) a.multiply = DType::bf16;
    const auto operand = [&](const Memory& m) { return Attention::Operand{m.data.get(), 0, width, heads * width}; };
    a.query = operand(q), a.key = operand(k), a.value = operand(v);
    a.output = y.data.get(), a.output_head_step = width, a.output_row_step = heads * width;
    a.scale = 0.2f;
    const int threads = base::thread_count();
    const Memory workspace(attention_workspace(a, threads));
    Library library(heads, queries, keys, width, bf16 ? memory::data_type::bf16 : memory::data_type::f32);
    compare(
        state, [&] { attention(a, workspace.data.get(), threads); }, [&] { library.run(); },
        4.0 * static_cast<double>(heads * queries * keys * width),
        static_cast<double>((queries + keys) * 2) * static_cast<double>(row));
}

void shapes(benchmark::internal::Benchmark* b) {
    for (const int bf16 : {0, 1})
        for (const auto& [heads, queries, keys, width] : std::vector<std::array<int, 4>>{{8, 850, 850, 32},
                                                                                         {8, 100, 850, 32},
                                                                                         {8, 100, 100, 32},
                                                                                         {1, 65536, 1024, 32},
                                                                                         {2, 16384, 1024, 32},
                                                                                         {5, 4096, 1024, 32},
                                                                                         {8, 1024, 1024, 32},
                                                                                         {12, 197, 197, 64}})
            b->Args({heads, queries, keys, width, bf16});
}

BENCHMARK(attend)->Apply(shapes)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);

}  // namespace
}  // namespace fovea::bench
