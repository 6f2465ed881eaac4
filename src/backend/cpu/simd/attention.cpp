#include "backend/cpu/simd/attention.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/attention.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/simd/attention_plan.hpp"
#include "backend/cpu/simd/exp-inl.hpp"
#include "backend/cpu/simd/product-inl.hpp"
#include "backend/cpu/simd/transpose-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

constexpr float kLogE = 1.44269504f;  ///< log2(e)
constexpr bool paired(bool pairs) { return pairs && kBf16Products; }

/// Units `i` .. `i + lanes()` of a row of `count` elements, zero beyond.
template <class T, bool kPairs>
HWY_INLINE Vec load_units(const T* row, std::int64_t i, std::int64_t count) {
    const auto n = static_cast<std::int64_t>(lanes());
    if constexpr (paired(kPairs)) {
        if (2 * (i + n) <= count) return hn::LoadU(F32(), reinterpret_cast<const float*>(row + 2 * i));
        HWY_ALIGN T part[2 * lanes()] = {};
        for (std::int64_t j = 2 * i; j < count; j++) part[j - 2 * i] = row[j];
        return hn::Load(F32(), reinterpret_cast<const float*>(part));
    } else {
        return i < count ? load_some(row + i, static_cast<std::size_t>(count - i)) : hn::Zero(F32());
    }
}

template <class T>
const T* rows_of(const Attention::Operand& operand, std::int64_t batch, std::int64_t head) {
    return static_cast<const T*>(operand.data) + batch * operand.batch_step + head * operand.head_step;
}

/// Packs K of one head: panels of neighbouring keys.
template <class T, bool kPairs>
void pack_keys(const Attention& a, const AttentionPlan& plan, const T* keys, float* memory) {
    float* staged = memory + plan.staged();
    for (std::int64_t first = 0; first < plan.keys; first += plan.panel) {
        for (std::int64_t key = 0; key < plan.panel; key++)
            for (std::int64_t i = 0; i < plan.depth; i += plan.lanes) {
                const bool inside = first + key < a.keys;
                const Vec v =
                    inside ? load_units<T, kPairs>(keys + (first + key) * a.key.row_step, i, a.width) : hn::Zero(F32());
                hn::Store(v, F32(), staged + key * plan.depth + i);
            }
        float* to = memory + plan.key_panels() + first * plan.depth;
        for (std::int64_t i = 0; i < plan.depth; i += plan.lanes) {
            std::int64_t key = 0;
            for (; key + 4 <= plan.panel; key += 4)
                transpose_four(staged + key * plan.depth + i, plan.depth, to + i * plan.panel + key, plan.panel);
            for (; key < plan.panel; key++) to[i * plan.panel + key] = staged[key * plan.depth + i];
        }
    }
}

/// Packs V of one head: panels of neighbouring columns.
template <class T, bool kPairs>
void pack_values(const Attention& a, const AttentionPlan& plan, const T* values, float* memory) {
    const U32 du;
    const auto load_row = [&](std::int64_t key, std::int64_t i) HWY_ATTR {
        return key < a.keys
                   ? load_some(values + key * a.value.row_step + i, static_cast<std::size_t>(a.value_width - i))
                   : hn::Zero(F32());
    };
    const std::int64_t units = plan.keys / plan.columns;
    for (std::int64_t i = 0; i < plan.value_lanes; i += plan.lanes) {
        const std::int64_t panel = i / plan.panel * plan.panel, width = std::min(plan.panel, plan.value_lanes - panel);
        float* to = memory + plan.value_panels() + panel * units + i - panel;
        for (std::int64_t unit = 0; unit < units; unit++, to += width) {
            Vec v = load_row(unit * plan.columns, i);
            if constexpr (paired(kPairs)) {
                const auto low = hn::ShiftRight<16>(hn::BitCast(du, v)),
                           high = hn::BitCast(du, load_row(unit * 2 + 1, i));
                v = hn::BitCast(F32(), hn::Or(low, high));
            }
            hn::Store(v, F32(), to);
        }
    }
}

/// Running maximum (in units of log2) and sum of one query row.
struct RowState {
    float maximum = -std::numeric_limits<float>::infinity(), sum = 0;
};

/// Turns one row's scores of a chunk into probabilities relative to the row's maximum so far; returns the factor by
/// which that maximum's move shrinks earlier results. Pairs of bf16 take the place of the scores.
template <bool kPairs>
HWY_INLINE float soften_row(float* scores, std::int64_t step, std::int64_t vectors, float scale, RowState& state) {
    const F32 d;
    Vec high = hn::Neg(hn::Inf(d));
    for (std::int64_t i = 0; i < vectors; i++) high = hn::Max(high, hn::Load(d, scores + i * step));
    // Finite, so that a row of masked keys gives zeros.
    const float maximum =
        std::max({state.maximum, hn::GetLane(hn::MaxOfLanes(d, high)) * scale, std::numeric_limits<float>::lowest()});
    const Vec shift = hn::Set(d, -maximum), factor = hn::Set(d, scale);
    Vec total = hn::Zero(d);
    for (std::int64_t i = 0; i < vectors; i++) {
        const Vec p = power_of_two<paired(kPairs)>(hn::MulAdd(hn::Load(d, scores + i * step), factor, shift));
        total = hn::Add(total, p);
        if constexpr (paired(kPairs))
            store(p, reinterpret_cast<Bf16Bits*>(scores + i / 2 * step) + i % 2 * static_cast<std::int64_t>(lanes()));
        else
            hn::Store(p, d, scores + i * step);
    }
    const float shrink = std::exp2(state.maximum - maximum);
    state.maximum = maximum;
    state.sum = state.sum * shrink + hn::GetLane(hn::SumOfLanes(d, total));
    return shrink;
}

/// One tile of query rows of one head, whose K and V are packed.
template <class T, bool kPairs>
class QueryTile {
  public:
    QueryTile(const Attention& a, const AttentionPlan& plan, float* memory, std::int64_t batch, std::int64_t head,
              std::int64_t first)
        : a_(a), plan_(plan), memory_(memory), first_(first), rows_(std::min(plan.rows, a.queries - first)) {
        if (a.bias.data) bias_ = rows_of<float>(a.bias, batch, head) + first * a.bias.row_step;
        const T* queries = rows_of<T>(a.query, batch, head) + first * a.query.row_step;
        float* to = memory + plan.query();
        for (std::int64_t i = 0; i < plan.depth; i += plan.lanes)
            for (std::int64_t row = 0; row < rows_; row++, to += plan.lanes)
                hn::Store(load_units<T, kPairs>(queries + row * a.query.row_step, i, a.width), F32(), to);
    }

    void run(T* output, std::int64_t row_step) {
        for (std::int64_t key = 0; key < plan_.keys; key += AttentionPlan::kChunk)
            add_chunk(key, std::min(AttentionPlan::kChunk, plan_.keys - key));
        const F32 d;
        for (std::int64_t row = 0; row < rows_; row++) {
            const Vec inverse = hn::Set(d, states_[row].sum == 0 ? 0 : 1 / states_[row].sum);
            const float* from = memory_ + plan_.output() + row * plan_.value_lanes;
            for (std::int64_t i = 0; i < a_.value_width; i += plan_.lanes)
                store_some(hn::Mul(hn::Load(d, from + i), inverse), output + row * row_step + i,
                           static_cast<std::size_t>(a_.value_width - i));
        }
    }

  private:
    using Units = std::conditional_t<kPairs, PairUnits, SingleUnits>;

    /// Scores of keys [key, key + count), a whole number of panels.
    void score(std::int64_t key, std::int64_t count) {
        const auto product = tile_product_of<Units>(static_cast<int>(rows_), 2);
        float* to = memory_ + plan_.scores();
        for (std::int64_t i = key; i < key + count; i += plan_.panel, to += plan_.panel * rows_)
            product(memory_ + plan_.query(), memory_ + plan_.key_panels() + i * plan_.depth,
                    static_cast<std::size_t>(plan_.depth / plan_.lanes), to, lanes(),
                    static_cast<std::size_t>(plan_.lanes * rows_));
        if (bias_) add_bias(key, count);
        for (std::int64_t i = std::max(a_.keys - key, std::int64_t{0}); i < count; i++)
            for (std::int64_t row = 0; row < rows_; row++)
                memory_[plan_.scores() + (i / plan_.lanes * rows_ + row) * plan_.lanes + i % plan_.lanes] =
                    -std::numeric_limits<float>::infinity();
    }

    void add_bias(std::int64_t key, std::int64_t count) {
        const F32 d;
        float* to = memory_ + plan_.scores();
        for (std::int64_t i = key; i < std::min(key + count, a_.keys); i += plan_.lanes)
            for (std::int64_t row = 0; row < rows_; row++, to += plan_.lanes) {
                const Vec bias = load_some(bias_ + row * a_.bias.row_step + i, static_cast<std::size_t>(a_.keys - i));
                hn::Store(hn::MulAdd(hn::Load(d, to), hn::Set(d, a_.scale), bias), d, to);
            }
    }

    void add_chunk(std::int64_t key, std::int64_t count) {
        score(key, count);
        float shrink[kMaxRows];
        for (std::int64_t row = 0; row < rows_; row++)
            shrink[row] = soften_row<kPairs>(memory_ + plan_.scores() + row * plan_.lanes, plan_.lanes * rows_,
                                             count / plan_.lanes, (bias_ ? 1 : a_.scale) * kLogE, states_[row]);
        const std::int64_t units = plan_.keys / plan_.columns;
        for (std::int64_t panel = 0; panel < plan_.value_lanes; panel += plan_.panel) {
            const std::int64_t width = std::min(plan_.panel, plan_.value_lanes - panel);
            const float* values = memory_ + plan_.value_panels() + panel * units + key / plan_.columns * width;
            tile_product_of<Units>(static_cast<int>(rows_), static_cast<int>(width / plan_.lanes))(
                memory_ + plan_.scores(), values, static_cast<std::size_t>(count / plan_.columns / plan_.lanes),
                memory_ + (key == 0 ? plan_.output() : plan_.product()) + panel,
                static_cast<std::size_t>(plan_.value_lanes), lanes());
        }
        if (key > 0) accumulate(shrink);
    }

    void accumulate(const float* shrink) {
        const F32 d;
        for (std::int64_t row = 0; row < rows_; row++)
            for (std::int64_t i = row * plan_.value_lanes; i < (row + 1) * plan_.value_lanes; i += plan_.lanes) {
                float* to = memory_ + plan_.output() + i;
                hn::Store(
                    hn::MulAdd(hn::Load(d, to), hn::Set(d, shrink[row]), hn::Load(d, memory_ + plan_.product() + i)), d,
                    to);
            }
    }

    const Attention& a_;
    const AttentionPlan& plan_;
    float* memory_;
    const float* bias_ = nullptr;
    std::int64_t first_, rows_;
    RowState states_[kMaxRows];
};

template <class T, bool kPairs>
void attend_of(const Attention& a, const AttentionPlan& plan, float* memory, std::int64_t begin, std::int64_t end) {
    std::int64_t packed = -1;
    for (std::int64_t i = begin; i < end; i++) {
        const std::int64_t index = i / plan.groups, batch = index / a.heads, head = index % a.heads,
                           first = i % plan.groups * plan.rows;
        if (first >= a.queries) continue;
        if (packed != index) {
            pack_keys<T, kPairs>(a, plan, rows_of<T>(a.key, batch, head), memory);
            pack_values<T, kPairs>(a, plan, rows_of<T>(a.value, batch, head), memory);
            packed = index;
        }
        QueryTile<T, kPairs> tile(a, plan, memory, batch, head, first);
        tile.run(static_cast<T*>(a.output) + batch * a.output_batch_step + head * a.output_head_step +
                     first * a.output_row_step,
                 a.output_row_step);
    }
}

/// Tiles of query rows [begin, end), counted over all heads.
void attend(const Attention& a, const AttentionPlan& plan, float* memory, std::int64_t begin, std::int64_t end) {
    if (a.multiply == DType::bf16) return attend_of<Bf16Bits, true>(a, plan, memory, begin, end);
    with_storage(a.type, [&]<class T>() HWY_ATTR { attend_of<T, false>(a, plan, memory, begin, end); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/tile_attention.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(attend);

bool on_tiles(const Attention& a) { return a.multiply == DType::bf16 && target_has_tiles(); }

}  // namespace

std::size_t attention_workspace(const Attention& attention, int threads) {
    if (on_tiles(attention)) return tile_attention_workspace(attention, threads);
    const AttentionPlan plan(attention, target_lanes(), target_tile_rows());
    return static_cast<std::size_t>(plan.size() * threads) * sizeof(float);
}

void attention(const Attention& attention, void* workspace, int threads) noexcept {
    if (on_tiles(attention)) return tile_attention(attention, workspace, threads);
    const AttentionPlan plan(attention, target_lanes(), target_tile_rows());
    const std::int64_t work = attention.batch * attention.heads * plan.groups;
    base::parallel_for(threads, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t part = first; part < last; part++) HWY_DYNAMIC_DISPATCH(attend)
        (attention, plan, static_cast<float*>(workspace) + part * plan.size(), work * part / threads,
         work * (part + 1) / threads);
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
