#include "backend/cpu/simd/rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/rows.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>

#include "backend/cpu/simd/exp-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// `count` elements at `p`, the rest `filler`.
template <class T>
HWY_INLINE Vec load_filled(const T* p, std::size_t count, Vec filler) {
    if (count >= lanes()) return load(p);
    return hn::IfThenElse(hn::FirstN(F32(), count), load_part(p, count), filler);
}

template <class T>
HWY_INLINE float row_maximum(const T* x, std::size_t width) {
    const F32 d;
    const Vec low = hn::Neg(hn::Inf(d));
    Vec a = low, b = low;
    std::size_t i = 0;
    for (; i + 2 * lanes() <= width; i += 2 * lanes())
        a = hn::Max(a, load(x + i)), b = hn::Max(b, load(x + i + lanes()));
    for (; i < width; i += lanes()) a = hn::Max(a, load_filled(x + i, width - i, low));
    return hn::GetLane(hn::MaxOfLanes(d, hn::Max(a, b)));
}

/// Exponentials of a row of bf16 or f16 are kept up to this width, and computed twice beyond.
constexpr std::size_t kWidestKept = 4096;

template <class T>
HWY_INLINE void softmax_row(const Softmax& s, const T* x, T* y, float* kept) {
    const F32 d;
    const auto width = static_cast<std::size_t>(s.rows.width);
    const Vec maximum = hn::Set(d, row_maximum(x, width)), low = hn::Neg(hn::Inf(d));
    float* line = kept;
    if constexpr (std::is_same_v<T, float>) line = y;
    const bool keep = !s.logarithm && (std::is_same_v<T, float> || width <= kWidestKept);
    Vec total = hn::Zero(d);
    over_vectors(width, [&]<bool kPart>(std::size_t i, std::size_t count) HWY_ATTR {
        const Vec e = fast_exp(hn::Sub(kPart ? load_filled(x + i, count, low) : load(x + i), maximum));
        total = hn::Add(total, e);
        if (keep) store_block<kPart>(e, line + i, count);
    });
    const float sum = hn::GetLane(hn::SumOfLanes(d, total));
    if (s.logarithm) {
        const Vec shift = hn::Add(maximum, hn::Set(d, std::log(sum)));
        return over_vectors(width, [&]<bool kPart>(std::size_t i, std::size_t count) HWY_ATTR {
            store_block<kPart>(hn::Sub(load_block<kPart>(x + i, count), shift), y + i, count);
        });
    }
    const Vec scale = hn::Set(d, 1.0f / sum);
    over_vectors(width, [&]<bool kPart>(std::size_t i, std::size_t count) HWY_ATTR {
        const Vec e =
            keep ? load_block<kPart>(line + i, count) : fast_exp(hn::Sub(load_block<kPart>(x + i, count), maximum));
        store_block<kPart>(hn::Mul(e, scale), y + i, count);
    });
}

template <class T>
void softmax_rows_of(const Softmax& s, std::int64_t begin, std::int64_t end) {
    HWY_ALIGN float kept[std::is_same_v<T, float> ? 1 : kWidestKept];
    for (std::int64_t row = begin; row < end; row++)
        softmax_row(s, static_cast<const T*>(s.input) + row * s.input_pitch,
                    static_cast<T*>(s.output) + row * s.output_pitch, kept);
}

void softmax_rows(const Softmax& s, std::int64_t begin, std::int64_t end) {
    with_storage(s.type, [&]<class T>() HWY_ATTR { softmax_rows_of<T>(s, begin, end); });
}

/// Normalises one row; `line` holds `width` floats and what a vector may add.
template <class T>
HWY_INLINE void normalise_row(const LayerNorm& n, std::int64_t row, float* line) {
    const F32 d;
    const auto width = static_cast<std::size_t>(n.rows.width);
    const T* x = static_cast<const T*>(n.input) + row * n.input_pitch;
    const T* residual = n.residual ? static_cast<const T*>(n.residual) + row * n.residual_pitch : nullptr;
    T* sum = n.sum ? static_cast<T*>(n.sum) + row * n.sum_pitch : nullptr;
    T* y = static_cast<T*>(n.output) + row * n.output_pitch;
    Vec total = hn::Zero(d);
    over_vectors(width, [&]<bool kPart>(std::size_t i, std::size_t count) HWY_ATTR {
        Vec v = load_block<kPart>(x + i, count);
        if (residual) v = hn::Add(v, load_block<kPart>(residual + i, count));
        if (sum) store_block<kPart>(v, sum + i, count);
        hn::StoreU(v, d, line + i);
        total = hn::Add(total, v);
    });
    const float inverse = 1.0f / static_cast<float>(width);
    const Vec mean = n.root_mean_square ? hn::Zero(d) : hn::Set(d, hn::GetLane(hn::SumOfLanes(d, total)) * inverse);
    Vec squares = hn::Zero(d);
    over_vectors(width, [&]<bool kPart>(std::size_t i, std::size_t count) HWY_ATTR {
        const Vec v = hn::Sub(kPart ? load_filled(line + i, count, mean) : load(line + i), mean);
        squares = hn::MulAdd(v, v, squares);
    });
    const Vec factor = hn::Set(d, 1.0f / std::sqrt(hn::GetLane(hn::SumOfLanes(d, squares)) * inverse + n.epsilon));
    over_vectors(width, [&]<bool kPart>(std::size_t i, std::size_t count) HWY_ATTR {
        Vec v = hn::Mul(hn::Sub(hn::LoadU(d, line + i), mean), factor);
        if (n.scale) v = hn::Mul(v, load_block<kPart>(n.scale + i, count));
        if (n.shift) v = hn::Add(v, load_block<kPart>(n.shift + i, count));
        store_block<kPart>(v, y + i, count);
    });
}

void normalise_rows(const LayerNorm& n, float* line, std::int64_t begin, std::int64_t end) {
    with_storage(n.type, [&]<class T>() HWY_ATTR {
        for (std::int64_t row = begin; row < end; row++) normalise_row<T>(n, row, line);
    });
}

template <class T>
HWY_INLINE std::int64_t position_of_maximum(const T* x, std::size_t width) {
    const F32 d;
    const Vec low = hn::Neg(hn::Inf(d)), step = hn::Set(d, static_cast<float>(lanes()));
    Vec best = low, where = hn::Zero(d), here = hn::Iota(d, 0.0f);
    for (std::size_t i = 0; i < width; i += lanes(), here = hn::Add(here, step)) {
        const Vec v = load_filled(x + i, width - i, low);
        const Mask better = hn::Or(hn::Gt(v, best), hn::AndNot(hn::IsNaN(best), hn::IsNaN(v)));
        best = hn::IfThenElse(better, v, best);
        where = hn::IfThenElse(better, here, where);
    }
    const Mask nan = hn::IsNaN(best);
    const Mask top = hn::AllFalse(d, nan) ? hn::Eq(best, hn::MaxOfLanes(d, best)) : nan;
    return static_cast<std::int64_t>(hn::GetLane(hn::MinOfLanes(d, hn::IfThenElse(top, where, hn::Inf(d)))));
}

/// Positions are kept as floats, which hold them exactly up to here.
constexpr std::int64_t kWidestExact = 1 << 24;

template <class T>
std::int64_t position_in_row(const T* x, std::int64_t width) {
    std::int64_t best = 0;
    for (std::int64_t i = 0; i < width; i += kWidestExact) {
        const std::int64_t at =
            i + position_of_maximum(x + i, static_cast<std::size_t>(std::min(width - i, kWidestExact)));
        const float a = number(x[best]), b = number(x[at]);
        if (b > a || (b != b && a == a)) best = at;
    }
    return best;
}

template <class T>
void arg_max_rows_of(const ArgMax& a, std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; row++) {
        const std::int64_t at = position_in_row(static_cast<const T*>(a.input) + row * a.input_pitch, a.rows.width);
        if (a.output_type == DType::i64)
            static_cast<std::int64_t*>(a.output)[row] = at;
        else if (a.output_type == DType::i32)
            static_cast<std::int32_t*>(a.output)[row] = static_cast<std::int32_t>(at);
        else
            static_cast<std::uint8_t*>(a.output)[row] = static_cast<std::uint8_t>(at);
    }
}

void arg_max_rows(const ArgMax& a, std::int64_t begin, std::int64_t end) {
    with_storage(a.type, [&]<class T>() HWY_ATTR { arg_max_rows_of<T>(a, begin, end); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/checked.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(softmax_rows);
HWY_EXPORT(normalise_rows);
HWY_EXPORT(arg_max_rows);

constexpr std::int64_t kLeastElements = 4096;  ///< worth a thread

/// Calls `body(part, begin, end)` for the parts into which `threads` threads cut the rows.
template <class Body>
void parallel_rows(const Rows& rows, int threads, const Body& body) {
    const std::int64_t grain = std::max<std::int64_t>(kLeastElements / std::max<std::int64_t>(rows.width, 1), 1);
    const std::int64_t parts = std::min<std::int64_t>(threads, base::ceil_div(rows.count, grain));
    base::parallel_for(parts, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t part = first; part < last; part++)
            body(static_cast<int>(part), rows.count * part / parts, rows.count * (part + 1) / parts);
    });
}

std::int64_t line_floats(const LayerNorm& norm) { return base::round_up(norm.rows.width, 16) + 16; }

}  // namespace

void softmax(const Softmax& softmax, int threads) noexcept {
    parallel_rows(softmax.rows, threads, [&](int, std::int64_t begin, std::int64_t end) {
        HWY_DYNAMIC_DISPATCH(softmax_rows)(softmax, begin, end);
    });
}

std::size_t layer_norm_workspace(const LayerNorm& norm, int threads) {
    return static_cast<std::size_t>(line_floats(norm) * threads) * sizeof(float);
}

void layer_norm(const LayerNorm& norm, void* workspace, int threads) noexcept {
    parallel_rows(norm.rows, threads, [&](int part, std::int64_t begin, std::int64_t end) {
        HWY_DYNAMIC_DISPATCH(normalise_rows)
        (norm, static_cast<float*>(workspace) + part * line_floats(norm), begin, end);
    });
}

void arg_max(const ArgMax& arg_max, int threads) noexcept {
    parallel_rows(arg_max.rows, threads, [&](int, std::int64_t begin, std::int64_t end) {
        HWY_DYNAMIC_DISPATCH(arg_max_rows)(arg_max, begin, end);
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
