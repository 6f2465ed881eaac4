#include "backend/cpu/simd/tile_attention.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/tile_attention.cpp"
#include "hwy/foreach_target.h"

#include <cmath>
#include <limits>

#include "backend/cpu/simd/exp-inl.hpp"
#include "backend/cpu/simd/tile_attention_plan.hpp"
#include "backend/cpu/simd/tiles-inl.hpp"
#include "backend/cpu/simd/transpose-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

constexpr float kLogE = 1.44269504f;  ///< log2(e)
/// Scores (in units of log2) whose powers and their sums stay far inside f32 without relation to a maximum.
constexpr float kSafeScore = 50;

template <class T>
const T* rows_of(const Attention::Operand& operand, std::int64_t batch, std::int64_t head) {
    return static_cast<const T*>(operand.data) + batch * operand.batch_step + head * operand.head_step;
}

/// Of `kTileDepth` elements.
HWY_INLINE float sum_of_squares(const Bf16Bits* row) {
    const F32 d;
    Vec sum = hn::Zero(d);
    for (std::int64_t i = 0; i < kTileDepth; i += lanes()) sum = hn::MulAdd(load(row + i), load(row + i), sum);
    return hn::GetLane(hn::SumOfLanes(d, sum));
}

/// Pairs of neighbouring elements of 16 keys, keys along the rows of a tile. Returns the largest sum of squares of a
/// key.
float pack_keys(const Attention& a, const TileAttentionPlan& plan, const Bf16Bits* keys, std::byte* memory) {
    float* to = reinterpret_cast<float*>(memory + plan.keys());
    float largest = 0;
    for (std::int64_t first = 0; first < 32 * plan.key_steps; first += 16) {
        float squares[16] = {};
        for (std::int64_t i = 0; i < plan.depth_blocks * kTileDepth; i += kTileDepth, to += 256) {
            HWY_ALIGN Bf16Bits rows[16][kTileDepth] = {};
            for (std::int64_t key = 0; key < std::min<std::int64_t>(16, a.keys - first); key++) {
                std::copy_n(keys + (first + key) * a.key.row_step + i, std::min<std::int64_t>(kTileDepth, a.width - i),
                            rows[key]);
                squares[key] += sum_of_squares(rows[key]);
            }
            const float* pairs = reinterpret_cast<const float*>(rows);
            for (std::int64_t pair = 0; pair < 16; pair += lanes())
                for (std::int64_t key = 0; key < 16; key += 4)
                    transpose_four(pairs + key * 16 + pair, 16, to + pair * 16 + key, 16);
        }
        for (const float square : squares) largest = square <= largest ? largest : square;  // lets NaN win
    }
    return largest;
}

/// Pairs of neighbouring keys, elements along the rows of a tile.
void pack_values(const Attention& a, const TileAttentionPlan& plan, const Bf16Bits* values, std::byte* memory) {
    const U32 du;
    const auto load_row = [&](std::int64_t key, std::int64_t i) HWY_ATTR {
        return key < a.keys && i < a.value_width
                   ? load_some(values + key * a.value.row_step + i, static_cast<std::size_t>(a.value_width - i))
                   : hn::Zero(F32());
    };
    float* to = reinterpret_cast<float*>(memory + plan.values());
    for (std::int64_t i = 0; i < plan.value_pitch(); i += 16)
        for (std::int64_t key = 0; key < 32 * plan.key_steps; key += 2, to += 16)
            for (std::int64_t j = 0; j < 16; j += lanes()) {
                const auto low = hn::ShiftRight<16>(hn::BitCast(du, load_row(key, i + j))),
                           high = hn::BitCast(du, load_row(key + 1, i + j));
                hn::Store(hn::BitCast(F32(), hn::Or(low, high)), F32(), to + j);
            }
}

/// One group of query rows of one head, whose K and V are packed.
template <class Tiles>
class QueryGroup {
  public:
    /// `largest_key`: as `pack_keys` gives it.
    QueryGroup(const Attention& a, const TileAttentionPlan& plan, std::byte* memory, float largest_key,
               std::int64_t batch, std::int64_t head, std::int64_t first)
        : a_(a),
          plan_(plan),
          memory_(memory),
          scores_(reinterpret_cast<float*>(memory + plan.scores())),
          output_(reinterpret_cast<float*>(memory + plan.output())),
          rows_(std::min(plan.rows(), a.queries - first)) {
        if (a.bias.data) bias_ = rows_of<float>(a.bias, batch, head) + first * a.bias.row_step;
        factor_ = (bias_ ? 1 : a.scale) * kLogE;
        std::fill_n(maximum_, TileAttentionPlan::kMostRows, -std::numeric_limits<float>::infinity());
        float squares[TileAttentionPlan::kMostRows] = {};
        const Bf16Bits* queries = rows_of<Bf16Bits>(a.query, batch, head) + first * a.query.row_step;
        auto* to = reinterpret_cast<Bf16Bits*>(memory + plan.query());
        for (std::int64_t i = 0; i < plan.depth_blocks * kTileDepth; i += kTileDepth)
            for (std::int64_t row = 0; row < plan.rows(); row++, to += kTileDepth) {
                const std::int64_t count = row < rows_ ? std::min<std::int64_t>(kTileDepth, a.width - i) : 0;
                std::fill_n(std::copy_n(queries + row * a.query.row_step + i, count, to), kTileDepth - count, 0);
                squares[row] += sum_of_squares(to);
            }
        // No score exceeds the product of the lengths of its query and key.
        relative_ = bias_ != nullptr;
        for (const float square : squares) relative_ |= !(std::sqrt(square * largest_key) * factor_ < kSafeScore);
    }

    void run(Bf16Bits* output, std::int64_t row_step) {
        const std::int64_t chunk = TileAttentionPlan::kChunk;
        const auto steps_of = [&](std::int64_t key) { return std::min(chunk / 32, plan_.key_steps - key / 32); };
        float *now = scores_, *next = scores_ + TileAttentionPlan::kMostRows * kPitch;
        for (std::int64_t step = 0; step < steps_of(0); step++) score_step(0, step, now);
        for (std::int64_t key = 0; key < a_.keys; key += chunk, std::swap(now, next)) {
            const std::int64_t steps = steps_of(key), after = key + chunk < a_.keys ? steps_of(key + chunk) : 0;
            if (bias_) add_bias(key, now);
            if (key + 32 * steps > a_.keys) hide_beyond(a_.keys - key, 32 * steps, now);
            if (relative_) find_maxima(now, 32 * steps, key > 0);
            // Tiles multiply the next chunk meanwhile.
            for (std::int64_t part = 0; part < kParts; part++) {
                for (std::int64_t step = after * part / kParts; step < after * (part + 1) / kParts; step++)
                    score_step(key + chunk, step, next);
                for (std::int64_t row = rows_ * part / kParts; row < rows_ * (part + 1) / kParts; row++)
                    soften_row(now + row * kPitch, 32 * steps, row);
            }
            weigh(key, steps, now);
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
    static constexpr std::int64_t kPitch = TileAttentionPlan::kScorePitch, kParts = 4;

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

    /// Scores of 32 keys, counted from `key`.
    HWY_INLINE void score_step(std::int64_t key, std::int64_t step, float* scores) const {
        const std::int64_t panel = plan_.depth_blocks * kTileBytes, tile = plan_.tile_rows * 64;
        const std::byte* keys = memory_ + plan_.keys() + (key / 16 + 2 * step) * panel;
        zero();
        for (std::int64_t i = 0; i < plan_.depth_blocks; i++)
            multiply(memory_ + plan_.query() + 2 * i * tile, 64, tile, keys + i * kTileBytes, panel);
        store_sums(scores + 32 * step, kPitch);
    }

    void weigh(std::int64_t key, std::int64_t steps, const float* probabilities) {
        const std::int64_t panel = plan_.key_steps * kTileBytes;
        const auto* left = reinterpret_cast<const std::byte*>(probabilities);
        for (std::int64_t pair = 0; pair < plan_.value_pairs; pair++) {
            float* sums = output_ + 32 * pair;
            key == 0 ? zero() : load_sums(sums, plan_.value_pitch());
            const std::byte* values = memory_ + plan_.values() + 2 * pair * panel + key / 32 * kTileBytes;
            for (std::int64_t step = 0; step < steps; step++)
                multiply(left + 64 * step, 4 * kPitch, plan_.tile_rows * 4 * kPitch, values + step * kTileBytes, panel);
            store_sums(sums, plan_.value_pitch());
        }
    }

    void add_bias(std::int64_t key, float* scores) const {
        const F32 d;
        const Vec scale = hn::Set(d, a_.scale);
        const std::int64_t count = std::min(TileAttentionPlan::kChunk, a_.keys - key);
        for (std::int64_t row = 0; row < rows_; row++)
            for (std::int64_t i = 0; i < count; i += lanes()) {
                float* to = scores + row * kPitch + i;
                const Vec bias =
                    load_some(bias_ + row * a_.bias.row_step + key + i, static_cast<std::size_t>(count - i));
                hn::Store(hn::MulAdd(hn::Load(d, to), scale, bias), d, to);
            }
    }
    void hide_beyond(std::int64_t keys, std::int64_t count, float* scores) const {
        for (std::int64_t row = 0; row < rows_; row++)
            std::fill(scores + row * kPitch + keys, scores + row * kPitch + count,
                      -std::numeric_limits<float>::infinity());
    }

    /// Raises each row's maximum, in units of log2, to the chunk's, and shrinks what was summed relative to the old
    /// one.
    void find_maxima(const float* scores, std::int64_t count, bool shrinks) {
        const F32 d;
        HWY_ALIGN float highest[TileAttentionPlan::kMostRows] = {}, shrink[TileAttentionPlan::kMostRows];
        for (std::int64_t row = 0; row < rows_; row++) highest[row] = largest(scores + row * kPitch, count);
        for (std::int64_t row = 0; row < rows_; row += lanes()) {
            const Vec before = hn::Load(d, maximum_ + row);
            // Finite, so that a row of masked keys gives zeros.
            const Vec after = hn::Max(hn::Max(before, hn::Mul(hn::Load(d, highest + row), hn::Set(d, factor_))),
                                      hn::Set(d, std::numeric_limits<float>::lowest()));
            hn::Store(after, d, maximum_ + row);
            hn::Store(power_of_two(hn::Sub(before, after)), d, shrink + row);
        }
        for (std::int64_t row = 0; shrinks && row < rows_; row++) {
            if (shrink[row] == 1) continue;
            const Vec factor = hn::Set(d, shrink[row]);
            const auto scale = [&](float* to) HWY_ATTR { hn::Store(hn::Mul(hn::Load(d, to), factor), d, to); };
            scale(sums_ + row * static_cast<std::int64_t>(lanes()));
            for (std::int64_t i = 0; i < plan_.value_pitch(); i += lanes())
                scale(output_ + row * plan_.value_pitch() + i);
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

    /// Turns a row's scores of a chunk into probabilities, up to one factor for the row, in their place.
    HWY_INLINE void soften_row(float* scores, std::int64_t count, std::int64_t row) {
        const F32 d;
        const Vec factor = hn::Set(d, factor_), shift = hn::Set(d, relative_ ? -maximum_[row] : 0);
        auto* to = reinterpret_cast<Bf16Bits*>(scores);
        float* sum = sums_ + row * static_cast<std::int64_t>(lanes());
        Vec totals[2] = {hn::Load(d, sum), hn::Zero(d)};
        for (std::int64_t i = 0; i < count; i += 2 * lanes()) {
            Vec p[2];
#pragma GCC unroll 2
            for (int j = 0; j < 2; j++) {
                p[j] = power_of_two<true>(hn::MulAdd(hn::Load(d, scores + i + j * lanes()), factor, shift));
                totals[j] = hn::Add(totals[j], p[j]);
            }
            store(p[0], to + i), store(p[1], to + i + lanes());
        }
        hn::Store(hn::Add(totals[0], totals[1]), d, sum);
    }

    const Attention& a_;
    const TileAttentionPlan& plan_;
    std::byte* memory_;
    float *scores_, *output_;
    const float* bias_ = nullptr;
    std::int64_t rows_;
    float factor_;   ///< of a score, to units of log2
    bool relative_;  ///< whether probabilities relate to the row's largest score, lest they overflow
    HWY_ALIGN float maximum_[TileAttentionPlan::kMostRows];
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
        float largest_key = 0;
        for (std::int64_t i = begin; i < end; i++) {
            const std::int64_t index = i / plan.groups, batch = index / a.heads, head = index % a.heads,
                               first = i % plan.groups * plan.rows();
            if (first >= a.queries) continue;
            if (packed != index) {
                largest_key = pack_keys(a, plan, rows_of<Bf16Bits>(a.key, batch, head), memory);
                pack_values(a, plan, rows_of<Bf16Bits>(a.value, batch, head), memory);
                packed = index;
            }
            QueryGroup<Tiles> group(a, plan, memory, largest_key, batch, head, first);
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
