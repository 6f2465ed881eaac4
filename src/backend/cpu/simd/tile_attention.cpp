#include "backend/cpu/simd/tile_attention.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/tile_attention.cpp"
#include "hwy/foreach_target.h"

#include <limits>

#include "backend/cpu/simd/exp-inl.hpp"
#include "backend/cpu/simd/tile_attention_plan.hpp"
#include "backend/cpu/simd/tiles-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

constexpr float kLogE = 1.44269504f;  ///< log2(e)

template <class T>
const T* rows_of(const Attention::Operand& operand, std::int64_t batch, std::int64_t head) {
    return static_cast<const T*>(operand.data) + batch * operand.batch_step + head * operand.head_step;
}

/// Pairs of neighbouring elements of 16 keys, keys along the rows of a tile.
void pack_keys(const Attention& a, const TileAttentionPlan& plan, const Bf16Bits* keys, std::byte* memory) {
    auto* to = reinterpret_cast<Bf16Bits*>(memory + plan.keys());
    for (std::int64_t first = 0; first < 32 * plan.key_steps; first += 16)
        for (std::int64_t i = 0; i < plan.depth_blocks * kTileDepth; i += kTileDepth, to += kTileBytes / 2)
            for (std::int64_t key = 0; key < 16; key++) {
                HWY_ALIGN Bf16Bits row[kTileDepth] = {};
                if (first + key < a.keys)
                    std::copy_n(keys + (first + key) * a.key.row_step + i, std::min<std::int64_t>(32, a.width - i),
                                row);
                for (std::int64_t pair = 0; pair < 16; pair++) std::copy_n(row + 2 * pair, 2, to + 32 * pair + 2 * key);
            }
}

/// Pairs of neighbouring keys, elements along the rows of a tile.
void pack_values(const Attention& a, const TileAttentionPlan& plan, const Bf16Bits* values, std::byte* memory) {
    auto* to = reinterpret_cast<Bf16Bits*>(memory + plan.values());
    for (std::int64_t i = 0; i < plan.value_pitch(); i += 16)
        for (std::int64_t key = 0; key < 32 * plan.key_steps; key += 2, to += 32) {
            HWY_ALIGN Bf16Bits rows[2][16] = {};
            for (std::int64_t j = 0; j < 2; j++)
                if (key + j < a.keys && i < a.value_width)
                    std::copy_n(values + (key + j) * a.value.row_step + i,
                                std::min<std::int64_t>(16, a.value_width - i), rows[j]);
            for (std::int64_t column = 0; column < 16; column++)
                to[2 * column] = rows[0][column], to[2 * column + 1] = rows[1][column];
        }
}

/// One group of query rows of one head, whose K and V are packed.
template <class Tiles>
class QueryGroup {
  public:
    QueryGroup(const Attention& a, const TileAttentionPlan& plan, std::byte* memory, std::int64_t batch,
               std::int64_t head, std::int64_t first)
        : a_(a),
          plan_(plan),
          memory_(memory),
          scores_(reinterpret_cast<float*>(memory + plan.scores())),
          probabilities_(reinterpret_cast<Bf16Bits*>(memory + plan.probabilities())),
          output_(reinterpret_cast<float*>(memory + plan.output())),
          rows_(std::min(plan.rows(), a.queries - first)) {
        if (a.bias.data) bias_ = rows_of<float>(a.bias, batch, head) + first * a.bias.row_step;
        std::fill_n(maximum_, TileAttentionPlan::kMostRows, -std::numeric_limits<float>::infinity());
        const Bf16Bits* queries = rows_of<Bf16Bits>(a.query, batch, head) + first * a.query.row_step;
        auto* to = reinterpret_cast<Bf16Bits*>(memory + plan.query());
        for (std::int64_t i = 0; i < plan.depth_blocks * kTileDepth; i += kTileDepth)
            for (std::int64_t row = 0; row < plan.rows(); row++, to += kTileDepth) {
                const std::int64_t count = row < rows_ ? std::min<std::int64_t>(kTileDepth, a.width - i) : 0;
                std::fill_n(std::copy_n(queries + row * a.query.row_step + i, count, to), kTileDepth - count, 0);
            }
    }

    void run(Bf16Bits* output, std::int64_t row_step) {
        for (std::int64_t key = 0; key < a_.keys; key += TileAttentionPlan::kChunk) {
            const std::int64_t steps = std::min(TileAttentionPlan::kChunk / 32, plan_.key_steps - key / 32);
            score(key, steps);
            if (bias_) add_bias(key);
            if (key + 32 * steps > a_.keys) hide_beyond(a_.keys - key, 32 * steps);
            soften(32 * steps);
            if (key > 0) shrink_output();
            weigh(key, steps);
        }
        const F32 d;
        for (std::int64_t row = 0; row < rows_; row++) {
            const float sum = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, sums_ + row * lanes())));
            const Vec inverse = hn::Set(d, sum == 0 ? 0 : 1 / sum);
            const float* from = output_ + row * plan_.value_pitch();
            for (std::int64_t i = 0; i < a_.value_width; i += lanes())
                store_some(hn::Mul(hn::Load(d, from + i), inverse), output + row * row_step + i,
                           static_cast<std::size_t>(a_.value_width - i));
        }
    }

  private:
    static constexpr std::int64_t kPitch = TileAttentionPlan::kScorePitch,
                                  kRightPitch = TileAttentionPlan::kProbabilityPitch;

    /// Two tiles of rows times two of columns: sums 0 to 3, right 4 and 5, left 6 and 7.
    static HWY_INLINE void multiply(const std::byte* left, std::int64_t left_step, std::int64_t left_tile,
                                    const std::byte* right, std::int64_t right_tile) {
        Tiles::template load<4>(right, 64), Tiles::template load<5>(right + right_tile, 64);
        Tiles::template load<6>(left, left_step), Tiles::template load<7>(left + left_tile, left_step);
        Tiles::template multiply_add<0, 6, 4>(), Tiles::template multiply_add<1, 6, 5>();
        Tiles::template multiply_add<2, 7, 4>(), Tiles::template multiply_add<3, 7, 5>();
    }
    static HWY_INLINE void zero() {
        Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
    }
    /// Sums to rows `pitch` floats apart.
    HWY_INLINE void store_sums(float* to, std::int64_t pitch) const {
        float* below = to + plan_.tile_rows * pitch;
        Tiles::template store<0>(to, pitch * 4), Tiles::template store<1>(to + 16, pitch * 4);
        Tiles::template store<2>(below, pitch * 4), Tiles::template store<3>(below + 16, pitch * 4);
    }
    HWY_INLINE void load_sums(const float* from, std::int64_t pitch) const {
        const float* below = from + plan_.tile_rows * pitch;
        Tiles::template load<0>(from, pitch * 4), Tiles::template load<1>(from + 16, pitch * 4);
        Tiles::template load<2>(below, pitch * 4), Tiles::template load<3>(below + 16, pitch * 4);
    }

    void score(std::int64_t key, std::int64_t steps) {
        const std::int64_t panel = plan_.depth_blocks * kTileBytes, tile = plan_.tile_rows * 64;
        const std::byte* keys = memory_ + plan_.keys() + key / 16 * panel;
        for (std::int64_t step = 0; step < steps; step++, keys += 2 * panel) {
            zero();
            for (std::int64_t i = 0; i < plan_.depth_blocks; i++)
                multiply(memory_ + plan_.query() + 2 * i * tile, 64, tile, keys + i * kTileBytes, panel);
            store_sums(scores_ + 32 * step, kPitch);
        }
    }

    void weigh(std::int64_t key, std::int64_t steps) {
        const std::int64_t panel = plan_.key_steps * kTileBytes, step_bytes = 2 * kRightPitch;
        const auto* left = reinterpret_cast<const std::byte*>(probabilities_);
        for (std::int64_t pair = 0; pair < plan_.value_pairs; pair++) {
            float* sums = output_ + 32 * pair;
            key == 0 ? zero() : load_sums(sums, plan_.value_pitch());
            const std::byte* values = memory_ + plan_.values() + 2 * pair * panel + key / 32 * kTileBytes;
            for (std::int64_t step = 0; step < steps; step++)
                multiply(left + 64 * step, step_bytes, plan_.tile_rows * step_bytes, values + step * kTileBytes, panel);
            store_sums(sums, plan_.value_pitch());
        }
    }

    void add_bias(std::int64_t key) {
        const F32 d;
        const Vec scale = hn::Set(d, a_.scale);
        const std::int64_t count = std::min(TileAttentionPlan::kChunk, a_.keys - key);
        for (std::int64_t row = 0; row < rows_; row++)
            for (std::int64_t i = 0; i < count; i += lanes()) {
                float* to = scores_ + row * kPitch + i;
                const Vec bias =
                    load_some(bias_ + row * a_.bias.row_step + key + i, static_cast<std::size_t>(count - i));
                hn::Store(hn::MulAdd(hn::Load(d, to), scale, bias), d, to);
            }
    }
    void hide_beyond(std::int64_t keys, std::int64_t count) {
        for (std::int64_t row = 0; row < rows_; row++)
            std::fill(scores_ + row * kPitch + keys, scores_ + row * kPitch + count,
                      -std::numeric_limits<float>::infinity());
    }

    /// Turns the scores of a chunk into probabilities relative to each row's maximum so far, in units of log2.
    void soften(std::int64_t count) {
        const F32 d;
        const float factor = (bias_ ? 1 : a_.scale) * kLogE;
        HWY_ALIGN float highest[TileAttentionPlan::kMostRows] = {};
        for (std::int64_t row = 0; row < rows_; row++) highest[row] = largest(scores_ + row * kPitch, count);
        for (std::int64_t row = 0; row < rows_; row += lanes()) {
            const Vec before = hn::Load(d, maximum_ + row);
            // Finite, so that a row of masked keys gives zeros.
            const Vec after = hn::Max(hn::Max(before, hn::Mul(hn::Load(d, highest + row), hn::Set(d, factor))),
                                      hn::Set(d, std::numeric_limits<float>::lowest()));
            hn::Store(after, d, maximum_ + row);
            hn::Store(power_of_two(hn::Sub(before, after)), d, shrink_ + row);
        }
        for (std::int64_t row = 0; row < rows_; row++) {
            const Vec total = soften_row(scores_ + row * kPitch, probabilities_ + row * kRightPitch, count,
                                         hn::Set(d, factor), hn::Set(d, -maximum_[row]));
            float* sum = sums_ + row * static_cast<std::int64_t>(lanes());
            hn::Store(hn::MulAdd(hn::Load(d, sum), hn::Set(d, shrink_[row]), total), d, sum);
        }
    }

    static HWY_INLINE float largest(const float* scores, std::int64_t count) {
        const F32 d;
        const std::int64_t half = count / 2;  // two chains
        Vec a = hn::Load(d, scores), b = hn::Load(d, scores + half);
        for (std::int64_t i = lanes(); i < half; i += lanes())
            a = hn::Max(a, hn::Load(d, scores + i)), b = hn::Max(b, hn::Load(d, scores + half + i));
        return hn::GetLane(hn::MaxOfLanes(d, hn::Max(a, b)));
    }

    static HWY_INLINE Vec soften_row(const float* scores, Bf16Bits* to, std::int64_t count, Vec factor, Vec shift) {
        const F32 d;
        Vec totals[2] = {hn::Zero(d), hn::Zero(d)};
        for (std::int64_t i = 0; i < count; i += 2 * lanes())
#pragma GCC unroll 2
            for (std::int64_t j = 0; j < 2; j++) {
                const std::int64_t at = i + j * static_cast<std::int64_t>(lanes());
                const Vec p = power_of_two<true>(hn::MulAdd(hn::Load(d, scores + at), factor, shift));
                totals[j] = hn::Add(totals[j], p);
                store(p, to + at);
            }
        return hn::Add(totals[0], totals[1]);
    }

    void shrink_output() {
        const F32 d;
        for (std::int64_t row = 0; row < rows_; row++) {
            if (shrink_[row] == 1) continue;
            const Vec factor = hn::Set(d, shrink_[row]);
            float* to = output_ + row * plan_.value_pitch();
            for (std::int64_t i = 0; i < plan_.value_pitch(); i += lanes())
                hn::Store(hn::Mul(hn::Load(d, to + i), factor), d, to + i);
        }
    }

    const Attention& a_;
    const TileAttentionPlan& plan_;
    std::byte* memory_;
    float* scores_;
    Bf16Bits* probabilities_;
    float* output_;
    const float* bias_ = nullptr;
    std::int64_t rows_;
    HWY_ALIGN float maximum_[TileAttentionPlan::kMostRows];  ///< of each row so far
    HWY_ALIGN float shrink_[TileAttentionPlan::kMostRows];   ///< by how much its last move shrinks earlier results
    HWY_ALIGN float sums_[TileAttentionPlan::kMostRows * lanes()] = {};
};

/// Groups of query rows [begin, end), counted over all heads.
void attend(const Attention& a, const TileAttentionPlan& plan, void* scratch, std::int64_t begin, std::int64_t end) {
    auto* memory = static_cast<std::byte*>(scratch);
    with_tiles([&]<class Tiles>(Tiles) {
        TileShapes shapes;
        for (const int tile : {0, 1, 2, 3, 6, 7}) shapes.rows[tile] = static_cast<std::uint8_t>(plan.tile_rows);
        Tiles::configure(shapes);
        std::int64_t packed = -1;
        for (std::int64_t i = begin; i < end; i++) {
            const std::int64_t index = i / plan.groups, batch = index / a.heads, head = index % a.heads,
                               first = i % plan.groups * plan.rows();
            if (first >= a.queries) continue;
            if (packed != index) {
                pack_keys(a, plan, rows_of<Bf16Bits>(a.key, batch, head), memory);
                pack_values(a, plan, rows_of<Bf16Bits>(a.value, batch, head), memory);
                packed = index;
            }
            QueryGroup<Tiles> group(a, plan, memory, batch, head, first);
            group.run(static_cast<Bf16Bits*>(a.output) + batch * a.output_batch_step + head * a.output_head_step +
                          first * a.output_row_step,
                      a.output_row_step);
        }
        Tiles::release();
    });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(attend);

}  // namespace

std::size_t tile_attention_workspace(const Attention& attention, int threads) {
    return static_cast<std::size_t>(TileAttentionPlan(attention).size() * threads);
}

void tile_attention(const Attention& attention, void* workspace, int threads) noexcept {
    const TileAttentionPlan plan(attention);
    const std::int64_t work = attention.batch * attention.heads * plan.groups;
    base::parallel_for(threads, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t part = first; part < last; part++) HWY_DYNAMIC_DISPATCH(attend)
        (attention, plan, static_cast<std::byte*>(workspace) + part * plan.size(), work * part / threads,
         work * (part + 1) / threads);
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
