#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "backend/cpu/attention.hpp"
#include "backend/cpu/onednn.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

/// Query rows that one thread takes at a time: their scores stay in the second-level cache.
constexpr std::int64_t kScoreBytes = 512 * 1024;

/// The three primitives of one block of query rows.
struct Block {
    dnnl::matmul scores, weighted;
    dnnl::softmax_forward softmax;
    memory::desc query, keys, scores_desc, weights, values, result;
    std::size_t scratch = 0;
};

memory::desc matrix(std::int64_t rows, std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride,
                    memory::data_type type) {
    return memory::desc({rows, columns}, type, memory::dims{row_stride, column_stride});
}

Block make_block(std::int64_t rows, const AttentionSide& q, const AttentionSide& k, const AttentionSide& v,
                 const AttentionSide& y, float scale, memory::data_type type) {
    const auto f32 = memory::data_type::f32;
    Block block;
    block.query = matrix(rows, q.width, q.row_step, 1, type);
    block.keys = matrix(q.width, k.rows, 1, k.row_step, type);
    block.scores_desc = matrix(rows, k.rows, k.rows, 1, f32);
    block.weights = matrix(rows, k.rows, k.rows, 1, type);
    block.values = matrix(k.rows, v.width, v.row_step, 1, type);
    block.result = matrix(rows, v.width, y.row_step, 1, type);
    dnnl::primitive_attr attr, plain;
    dnnl::post_ops scaled;
    scaled.append_eltwise(dnnl::algorithm::eltwise_linear, scale, 0);
    attr.set_post_ops(scaled);
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    plain.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc scores(engine(), block.query, block.keys, block.scores_desc, attr);
    const dnnl::softmax_forward::primitive_desc softmax(engine(), dnnl::prop_kind::forward_inference,
                                                        dnnl::algorithm::softmax_accurate, block.scores_desc,
                                                        block.weights, 1, plain);
    const dnnl::matmul::primitive_desc weighted(engine(), block.weights, block.values, block.result, plain);
    block.scores = dnnl::matmul(scores);
    block.softmax = dnnl::softmax_forward(softmax);
    block.weighted = dnnl::matmul(weighted);
    for (const auto& desc : {scores.scratchpad_desc(), softmax.scratchpad_desc(), weighted.scratchpad_desc()})
        block.scratch = std::max(block.scratch, desc.get_size());
    return block;
}

/// softmax(scale · Q Kᵀ) V, one block of query rows of one head at a time on each thread.
class AttentionKernel final : public Kernel {
  public:
    AttentionKernel(AttentionSide q, AttentionSide k, AttentionSide v, AttentionSide y,
                    std::array<std::size_t, 3> inputs, float scale, DType type, int threads)
        : q_(q), k_(k), v_(v), y_(y), inputs_(inputs), width_(element_bytes(type)), threads_(threads) {
        rows_ = std::clamp<std::int64_t>(kScoreBytes / (k.rows * 4) / 16 * 16, 16, 256);
        rows_ = std::min(rows_, q.rows);
        // One thread runs each block: the primitives must be made for one.
        const int before = omp_get_max_threads();
        omp_set_num_threads(1);
        blocks_.push_back(make_block(rows_, q, k, v, y, scale, to_dnnl(type)));
        if (q.rows % rows_) blocks_.push_back(make_block(q.rows % rows_, q, k, v, y, scale, to_dnnl(type)));
        omp_set_num_threads(before);
        score_bytes_ = static_cast<std::size_t>(base::round_up(rows_ * k.rows * 4, 64));
        scratch_bytes_ = 0;
        for (const Block& block : blocks_) scratch_bytes_ = std::max(scratch_bytes_, base::round_up(block.scratch, 64));
    }

    [[nodiscard]] std::size_t workspace_bytes() const override {
        return per_thread() * static_cast<std::size_t>(threads_);
    }
    [[nodiscard]] std::unique_ptr<KernelState> make_state() const override {
        return std::make_unique<State>(blocks_, threads_);
    }
    [[nodiscard]] std::string implementation() const override { return "blocks of " + std::to_string(rows_) + " rows"; }

    void run(const KernelArgs& args) const override {
        auto& state = static_cast<State&>(*args.state);
        const std::int64_t per_head = base::ceil_div(q_.rows, rows_), total = q_.batch * q_.heads * per_head;
#pragma omp parallel num_threads(threads_)
        {
            const std::int64_t n = omp_get_num_threads(), me = omp_get_thread_num();
            std::byte* scratch = args.workspace + per_thread() * static_cast<std::size_t>(me);
            for (std::int64_t i = total * me / n; i < total * (me + 1) / n; ++i) {
                const std::int64_t head = i / per_head % q_.heads, batch = i / per_head / q_.heads,
                                   first = i % per_head * rows_;
                const std::size_t which = first + rows_ <= q_.rows ? 0 : blocks_.size() - 1;
                run_block(blocks_[which], state.handles[static_cast<std::size_t>(me) * blocks_.size() + which], args,
                          scratch, batch, head, first);
            }
        }
    }

  private:
    enum Memory { kQuery, kKeys, kScores, kWeights, kValues, kResult, kScratch, kCount };
    struct Handles {
        std::array<memory, kCount> memories;
        dnnl::stream stream;
        std::array<std::array<dnnl_exec_arg_t, 4>, 3> arguments;
    };
    struct State final : KernelState {
        State(const std::vector<Block>& blocks, int threads) {
            for (int i = 0; i < threads; ++i)
                for (const Block& block : blocks) handles.push_back(make(block));
        }
        static Handles make(const Block& b) {
            const auto bytes = memory::desc({static_cast<std::int64_t>(std::max<std::size_t>(b.scratch, 1))},
                                            memory::data_type::u8, memory::format_tag::a);
            const auto none = [&](const memory::desc& desc) { return memory(desc, engine(), nullptr); };
            Handles h{{none(b.query), none(b.keys), none(b.scores_desc), none(b.weights), none(b.values),
                       none(b.result), none(bytes)},
                      dnnl::stream(engine()),
                      {}};
            const auto at = [&](Memory m) { return h.memories[m].get(); };
            h.arguments[0] = {{{DNNL_ARG_SRC, at(kQuery)},
                               {DNNL_ARG_WEIGHTS, at(kKeys)},
                               {DNNL_ARG_DST, at(kScores)},
                               {DNNL_ARG_SCRATCHPAD, at(kScratch)}}};
            h.arguments[1] = {
                {{DNNL_ARG_SRC, at(kScores)}, {DNNL_ARG_DST, at(kWeights)}, {DNNL_ARG_SCRATCHPAD, at(kScratch)}, {}}};
            h.arguments[2] = {{{DNNL_ARG_SRC, at(kWeights)},
                               {DNNL_ARG_WEIGHTS, at(kValues)},
                               {DNNL_ARG_DST, at(kResult)},
                               {DNNL_ARG_SCRATCHPAD, at(kScratch)}}};
            return h;
        }
        std::vector<Handles> handles;
    };

    [[nodiscard]] std::size_t per_thread() const { return 2 * score_bytes_ + scratch_bytes_; }

    void run_block(const Block& block, Handles& h, const KernelArgs& args, std::byte* scratch, std::int64_t batch,
                   std::int64_t head, std::int64_t first) const {
        const auto place = [&](const AttentionSide& side, const std::byte* base, std::int64_t row) {
            return const_cast<std::byte*>(base) +
                   static_cast<std::size_t>(batch * side.batch_step + head * side.head_step + row * side.row_step) *
                       width_;
        };
        const std::array<std::byte*, kCount> pointers = {place(q_, args.inputs[inputs_[0]], first),
                                                         place(k_, args.inputs[inputs_[1]], 0),
                                                         scratch,
                                                         scratch + score_bytes_,
                                                         place(v_, args.inputs[inputs_[2]], 0),
                                                         place(y_, args.outputs[0], first),
                                                         scratch + 2 * score_bytes_};
        for (std::size_t i = 0; i < kCount; ++i) dnnl_memory_set_data_handle(h.memories[i].get(), pointers[i]);
        dnnl_primitive_execute(block.scores.get(), h.stream.get(), 4, h.arguments[0].data());
        dnnl_primitive_execute(block.softmax.get(), h.stream.get(), 3, h.arguments[1].data());
        dnnl_primitive_execute(block.weighted.get(), h.stream.get(), 4, h.arguments[2].data());
    }

    AttentionSide q_, k_, v_, y_;
    std::array<std::size_t, 3> inputs_;
    std::size_t width_;
    int threads_;
    std::int64_t rows_;
    std::vector<Block> blocks_;
    std::size_t score_bytes_, scratch_bytes_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_onednn_attention(const AttentionRegion& region, int threads) {
    return std::make_unique<AttentionKernel>(region.query, region.key, region.value, region.output, region.inputs,
                                             region.scale, region.type, threads);
}

}  // namespace fovea::backend::cpu
