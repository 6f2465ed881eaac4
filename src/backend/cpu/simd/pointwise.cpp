#include "backend/cpu/simd/pointwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/pointwise.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backend/cpu/simd/activation-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Elements a register holds: several of them together fit a first-level cache.
constexpr std::int64_t kChunk = 512;
/// Vectors may write this far behind a chunk.
constexpr std::int64_t kSlack = 16;

struct Registers {
    HWY_ALIGN float values[Pointwise::kRegisters][kChunk + kSlack];
    const float* sources[Pointwise::kRegisters];  ///< where each register is read: its values, or an input's memory
};

template <class Function>
HWY_INLINE void map(const float* a, float* to, std::int64_t count, const Function& f) {
    const F32 d;
    for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(lanes()))
        hn::StoreU(f(hn::LoadU(d, a + i)), d, to + i);
}

template <class Function>
HWY_INLINE void map(const float* a, const float* b, float* to, std::int64_t count, const Function& f) {
    const F32 d;
    for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(lanes()))
        hn::StoreU(f(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, to + i);
}

void activate_register(const PointwiseStep& s, const float* a, float* to, std::int64_t count) {
    const F32 d;
    constexpr std::size_t kVectors = 8;
    for (std::int64_t i = 0; i < count;) {
        Vec values[kVectors];
        std::size_t n = 0;
        for (std::int64_t j = i; j < count && n < kVectors; j += static_cast<std::int64_t>(lanes()))
            values[n++] = hn::LoadU(d, a + j);
        activate(s.activation, s.alpha, s.beta, values, n);
        for (std::size_t j = 0; j < n; j++, i += static_cast<std::int64_t>(lanes())) hn::StoreU(values[j], d, to + i);
    }
}

void run_unary(const PointwiseStep& s, const float* a, float* to, std::int64_t n) {
    const F32 d;
    const Vec one = hn::Set(d, 1.0f), alpha = hn::Set(d, s.alpha), beta = hn::Set(d, s.beta);
    switch (s.op) {
        case PointwiseOp::affine: return map(a, to, n, [&](Vec x) HWY_ATTR { return hn::MulAdd(x, alpha, beta); });
        case PointwiseOp::absolute: return map(a, to, n, [](Vec x) HWY_ATTR { return hn::Abs(x); });
        case PointwiseOp::square: return map(a, to, n, [](Vec x) HWY_ATTR { return hn::Mul(x, x); });
        case PointwiseOp::square_root: return map(a, to, n, [](Vec x) HWY_ATTR { return hn::Sqrt(x); });
        case PointwiseOp::reciprocal: return map(a, to, n, [&](Vec x) HWY_ATTR { return hn::Div(one, x); });
        case PointwiseOp::exponential: return map(a, to, n, [&](Vec x) HWY_ATTR { return hn::Exp(d, x); });
        case PointwiseOp::logarithm: return map(a, to, n, [&](Vec x) HWY_ATTR { return hn::Log(d, x); });
        case PointwiseOp::error_function: return map(a, to, n, [](Vec x) HWY_ATTR { return erf(x); });
        case PointwiseOp::sine: return map(a, to, n, [&](Vec x) HWY_ATTR { return hn::Sin(d, x); });
        case PointwiseOp::cosine: return map(a, to, n, [&](Vec x) HWY_ATTR { return hn::Cos(d, x); });
        case PointwiseOp::floor: return map(a, to, n, [](Vec x) HWY_ATTR { return hn::Floor(x); });
        case PointwiseOp::ceiling: return map(a, to, n, [](Vec x) HWY_ATTR { return hn::Ceil(x); });
        case PointwiseOp::round: return map(a, to, n, [](Vec x) HWY_ATTR { return hn::Round(x); });
        case PointwiseOp::sign:
            return map(a, to, n,
                       [&](Vec x) HWY_ATTR { return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, hn::CopySign(one, x)); });
        default: return;
    }
}

/// Leaves the result at `to` and makes the register read it there.
void run_step(const PointwiseStep& s, Registers& registers, float* to, std::int64_t n) {
    const float *a = registers.sources[s.a], *b = registers.sources[s.b];
    registers.sources[s.to] = to;
    switch (s.op) {
        case PointwiseOp::add: return map(a, b, to, n, [](Vec x, Vec y) HWY_ATTR { return hn::Add(x, y); });
        case PointwiseOp::subtract: return map(a, b, to, n, [](Vec x, Vec y) HWY_ATTR { return hn::Sub(x, y); });
        case PointwiseOp::multiply: return map(a, b, to, n, [](Vec x, Vec y) HWY_ATTR { return hn::Mul(x, y); });
        case PointwiseOp::divide: return map(a, b, to, n, [](Vec x, Vec y) HWY_ATTR { return hn::Div(x, y); });
        case PointwiseOp::maximum: return map(a, b, to, n, [](Vec x, Vec y) HWY_ATTR { return hn::Max(x, y); });
        case PointwiseOp::minimum: return map(a, b, to, n, [](Vec x, Vec y) HWY_ATTR { return hn::Min(x, y); });
        case PointwiseOp::activation: return activate_register(s, a, to, n);
        default: return run_unary(s, a, to, n);
    }
}

/// Copies `count` neighbours, or repeats one element (`step` 0). May write a vector behind the last.
template <class T>
HWY_INLINE void fetch_run(const T* x, std::int64_t step, std::int64_t count, float* to) {
    const F32 d;
    const Vec same = hn::Set(d, number(*x));
    for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(lanes()))
        hn::StoreU(step ? load_some(x + i, static_cast<std::size_t>(count - i)) : same, d, to + i);
}

/// Rows [row, row + rows) of the second-innermost axis, elements [begin, begin + count) of the innermost, as one run.
template <class T>
void fetch_of(const T* x, std::int64_t row_stride, std::int64_t step, std::int64_t rows, std::int64_t count,
              float* to) {
    if (rows > 1 && (step == 1 ? row_stride == count : row_stride == 0)) return fetch_run(x, step, rows * count, to);
    for (std::int64_t r = 0; r < rows; r++, x += row_stride, to += count) fetch_run(x, step, count, to);
}

/// A block of the result: `rows` rows of the second-innermost axis, `count` elements of the innermost.
struct Block {
    std::int64_t offsets[Pointwise::kInputs + 1];  ///< of each input, and of the output
    std::int64_t rows, count;
};

/// Whether the block is one run of whole vectors in memory with rows `row_stride` apart.
HWY_INLINE bool whole(const Block& block, std::int64_t row_stride) {
    return (block.rows == 1 || row_stride == block.count) &&
           block.rows * block.count % static_cast<std::int64_t>(lanes()) == 0;
}

void fetch(const Pointwise& p, int input, const Block& block, Registers& registers) {
    const Pointwise::Operand& from = p.inputs[input];
    const std::int64_t row_stride = p.axes > 1 ? from.strides[p.axes - 2] : 0, step = from.strides[p.axes - 1];
    const std::int64_t offset = block.offsets[input];
    float* to = registers.values[input];
    registers.sources[input] = to;
    if (from.type == DType::f32 && step == 1 && whole(block, row_stride)) {
        registers.sources[input] = static_cast<const float*>(from.data) + offset;
        return;
    }
    if (from.type == DType::u8)
        return fetch_of(static_cast<const std::uint8_t*>(from.data) + offset, row_stride, step, block.rows, block.count,
                        to);
    with_storage(from.type, [&]<class T>() HWY_ATTR {
        fetch_of(static_cast<const T*>(from.data) + offset, row_stride, step, block.rows, block.count, to);
    });
}

template <class T>
void put_of(const Pointwise& p, const Block& block, const float* from) {
    const F32 d;
    T* to = static_cast<T*>(p.output) + block.offsets[p.input_count];
    const std::int64_t row_stride = p.axes > 1 ? p.output_strides[p.axes - 2] : 0;
    const bool dense = row_stride == block.count;
    const std::int64_t rows = dense ? 1 : block.rows, count = dense ? block.rows * block.count : block.count;
    for (std::int64_t r = 0; r < rows; r++, from += count, to += row_stride)
        for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(lanes()))
            store_some(hn::LoadU(d, from + i), to + i, static_cast<std::size_t>(count - i));
}

/// Runs the steps; the last writes the output itself where it can.
void finish_block(const Pointwise& p, const Block& block, Registers& registers) {
    const std::int64_t row_stride = p.axes > 1 ? p.output_strides[p.axes - 2] : 0;
    const bool direct = p.step_count > 0 && p.steps[p.step_count - 1].to == p.result && p.output_type == DType::f32 &&
                        whole(block, row_stride);
    for (int s = 0; s < p.step_count; s++) {
        float* to = registers.values[p.steps[s].to];
        if (direct && s == p.step_count - 1) to = static_cast<float*>(p.output) + block.offsets[p.input_count];
        run_step(p.steps[s], registers, to, block.rows * block.count);
    }
    if (direct) return;
    with_storage(p.output_type, [&]<class T>() HWY_ATTR { put_of<T>(p, block, registers.sources[p.result]); });
}

/// Blocks [begin, end) of the result: each `block_rows` rows of the second-innermost axis, or a chunk of the innermost.
void run_blocks(const Pointwise& p, std::int64_t begin, std::int64_t end) {
    const int last = p.axes - 1, second = p.axes - 2;
    const std::int64_t inner = p.extents[last], rows = p.axes > 1 ? p.extents[second] : 1;
    const std::int64_t pieces = (inner + kChunk - 1) / kChunk;  // of the innermost axis
    const std::int64_t block_rows = pieces > 1 ? 1 : std::clamp<std::int64_t>(kChunk / inner, 1, rows);
    const std::int64_t row_blocks = (rows + block_rows - 1) / block_rows;
    Registers registers;
    bool held[Pointwise::kInputs] = {};  // what is the same in every block is fetched once
    for (std::int64_t index = begin; index < end; index++) {
        const std::int64_t piece = index % pieces, row = index / pieces % row_blocks * block_rows;
        Block block{{}, std::min(block_rows, rows - row), std::min(kChunk, inner - piece * kChunk)};
        const auto offset_of = [&](const std::int64_t* strides) {
            std::int64_t offset = piece * kChunk * strides[last] + (p.axes > 1 ? row * strides[second] : 0);
            std::int64_t outer = index / pieces / row_blocks;
            for (int axis = second - 1; axis >= 0; outer /= p.extents[axis--])
                offset += outer % p.extents[axis] * strides[axis];
            return offset;
        };
        for (int i = 0; i < p.input_count; i++) {
            block.offsets[i] = offset_of(p.inputs[i].strides);
            if (!held[i]) fetch(p, i, block, registers);
            held[i] =
                pieces == 1 && block.rows == block_rows &&
                std::all_of(p.inputs[i].strides, p.inputs[i].strides + last, [](std::int64_t s) { return s == 0; }) &&
                std::none_of(p.steps, p.steps + p.step_count, [i](const PointwiseStep& s) { return s.to == i; });
        }
        block.offsets[p.input_count] = offset_of(p.output_strides);
        finish_block(p, block, registers);
    }
}

/// Blocks that `run_blocks` cuts the result into.
std::int64_t block_count(const Pointwise& p) {
    const std::int64_t inner = p.extents[p.axes - 1], rows = p.axes > 1 ? p.extents[p.axes - 2] : 1;
    const std::int64_t pieces = (inner + kChunk - 1) / kChunk;
    const std::int64_t block_rows = pieces > 1 ? 1 : std::clamp<std::int64_t>(kChunk / inner, 1, rows);
    std::int64_t count = pieces * ((rows + block_rows - 1) / block_rows);
    for (int axis = 0; axis < p.axes - 2; axis++) count *= p.extents[axis];
    return count;
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(run_blocks);
HWY_EXPORT(block_count);

constexpr std::int64_t kBlocksWorthAThread = 16;

/// Calls `f` with the strides of every operand.
template <class Function>
bool all_strides(Pointwise& p, const Function& f) {
    bool all = f(p.output_strides);
    for (int i = 0; i < p.input_count; i++) all = f(p.inputs[i].strides) && all;
    return all;
}

void drop_axis(Pointwise& p, int axis) {
    all_strides(p, [&](std::int64_t* s) { return std::copy(s + axis + 1, s + p.axes, s + axis) != nullptr; });
    std::copy(p.extents + axis + 1, p.extents + p.axes, p.extents + axis);
    p.axes--;
}

}  // namespace

bool simplify(Pointwise& p) {
    for (int axis = p.axes - 1; axis >= 0 && p.axes > 1; axis--)
        if (p.extents[axis] == 1) drop_axis(p, axis);
    for (int axis = p.axes - 2; axis >= 0; axis--) {
        if (!all_strides(p, [&](std::int64_t* s) { return s[axis] == s[axis + 1] * p.extents[axis + 1]; })) continue;
        p.extents[axis + 1] *= p.extents[axis];
        drop_axis(p, axis);
    }
    const int last = p.axes - 1;
    if (p.extents[last] == 1) all_strides(p, [&](std::int64_t* s) { return (s[last] = 1) == 1; });
    return p.output_strides[last] == 1 && all_strides(p, [&](std::int64_t* s) { return s[last] == 0 || s[last] == 1; });
}

void pointwise(const Pointwise& program, int threads) noexcept {
    const std::int64_t blocks = HWY_DYNAMIC_DISPATCH(block_count)(program);
    const std::int64_t parts = std::clamp<std::int64_t>(blocks / kBlocksWorthAThread, 1, threads);
    base::parallel_for(parts, 1, [&](std::int64_t first, std::int64_t last) {
        HWY_DYNAMIC_DISPATCH(run_blocks)(program, blocks * first / parts, blocks * last / parts);
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
