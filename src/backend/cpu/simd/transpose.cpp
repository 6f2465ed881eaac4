#include "backend/cpu/simd/transpose.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/transpose.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backend/cpu/simd/transpose-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// A tile's columns leave as whole cache lines (bf16: half ones), however many elements lie between them.
constexpr std::int64_t kTileRows = 32, kTile = 16;

template <class T, class Out>
HWY_INLINE void transpose_rest(const T* x, std::int64_t pitch, Out* to, std::int64_t to_pitch, std::int64_t rows,
                               std::int64_t columns) {
    for (std::int64_t column = 0; column < columns; column++)
        for (std::int64_t row = 0; row < rows; row++)
            store_number(number(x[row * pitch + column]), to + column * to_pitch + row);
}

template <class T, class Out>
HWY_INLINE void transpose_tile(const T* x, std::int64_t pitch, Out* to, std::int64_t to_pitch, std::int64_t rows,
                               std::int64_t columns) {
    if (rows == kTileRows && columns == kTile) {
        HWY_ALIGN Out tile[kTile * kTileRows];
        for (std::int64_t column = 0; column < kTile; column += static_cast<std::int64_t>(lanes()))
            for (std::int64_t row = 0; row < kTileRows; row += 4)
                transpose_four(x + row * pitch + column, pitch, tile + column * kTileRows + row, kTileRows);
        for (std::int64_t column = 0; column < kTile; column++)
            std::memcpy(to + column * to_pitch, tile + column * kTileRows, kTileRows * sizeof(Out));
        return;
    }
    transpose_rest(x, pitch, to, to_pitch, rows, columns);
}

/// Tiles [begin, end) of one matrix along its longer axis, all tiles across.
template <class T, class Out>
void transpose_tiles_of(const Transpose& t, std::int64_t matrix, std::int64_t begin, std::int64_t end) {
    const T* x = static_cast<const T*>(t.input) + matrix * t.input_step;
    Out* to = static_cast<Out*>(t.output) + matrix * t.output_step;
    for (std::int64_t column = begin * kTile; column < std::min(end * kTile, t.columns); column += kTile)
        for (std::int64_t row = 0; row < t.rows; row += kTileRows)
            transpose_tile(x + row * t.input_pitch + column, t.input_pitch, to + column * t.output_pitch + row,
                           t.output_pitch, std::min(kTileRows, t.rows - row), std::min(kTile, t.columns - column));
}

/// Columns [16 begin, 16 end) of one matrix.
void transpose_tiles(const Transpose& t, std::int64_t matrix, std::int64_t begin, std::int64_t end) {
    const bool from_bf16 = t.input_type == DType::bf16, to_bf16 = t.output_type == DType::bf16;
    if (from_bf16 && to_bf16)
        transpose_tiles_of<Bf16Bits, Bf16Bits>(t, matrix, begin, end);
    else if (from_bf16)
        transpose_tiles_of<Bf16Bits, float>(t, matrix, begin, end);
    else if (to_bf16)
        transpose_tiles_of<float, Bf16Bits>(t, matrix, begin, end);
    else
        transpose_tiles_of<float, float>(t, matrix, begin, end);
}

template <class T, class Out>
void convert_run_of(const void* input, void* output, std::int64_t count) {
    const T* x = static_cast<const T*>(input);
    Out* to = static_cast<Out*>(output);
    for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(lanes()))
        store_some(load_some(x + i, static_cast<std::size_t>(count - i)), to + i, static_cast<std::size_t>(count - i));
}

template <class Out>
void convert_run_to(DType from, const void* input, void* output, std::int64_t count) {
    if (from == DType::bf16)
        convert_run_of<Bf16Bits, Out>(input, output, count);
    else if (from == DType::u8)
        convert_run_of<std::uint8_t, Out>(input, output, count);
    else
        convert_run_of<float, Out>(input, output, count);
}

/// Converts `count` neighbours.
void convert_run(DType from, DType to, const void* input, void* output, std::int64_t count) {
    if (to == DType::bf16)
        convert_run_to<Bf16Bits>(from, input, output, count);
    else
        convert_run_to<float>(from, input, output, count);
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/checked.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(transpose_tiles);
HWY_EXPORT(convert_run);

constexpr std::int64_t kElementsWorthAThread = 8192, kTileSize = 16, kRunElements = 4096;

}  // namespace

void transpose(const Transpose& t, int threads) noexcept {
    const std::int64_t tiles = base::ceil_div(t.columns, kTileSize), work = t.batch * tiles;
    const std::int64_t parts =
        std::clamp<std::int64_t>(t.batch * t.rows * t.columns / kElementsWorthAThread, 1, threads);
    base::parallel_for(parts, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = work * first / parts, end = work * last / parts; i < end;) {
            const std::int64_t matrix = i / tiles, stop = std::min(end, (matrix + 1) * tiles);
            HWY_DYNAMIC_DISPATCH(transpose_tiles)(t, matrix, i - matrix * tiles, stop - matrix * tiles);
            i = stop;
        }
    });
}

void convert(const Convert& c, int threads) noexcept {
    const bool dense = c.rows == 1 || (c.input_pitch == c.columns && c.output_pitch == c.columns);
    const std::int64_t rows = dense ? 1 : c.rows, columns = dense ? c.rows * c.columns : c.columns;
    const std::int64_t runs = base::ceil_div(columns, kRunElements), work = rows * runs;
    const auto in_bytes = static_cast<std::int64_t>(element_bytes(c.input_type)),
               out_bytes = static_cast<std::int64_t>(element_bytes(c.output_type));
    const std::int64_t parts = std::clamp<std::int64_t>(rows * columns / kElementsWorthAThread, 1, threads);
    base::parallel_for(parts, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = work * first / parts; i < work * last / parts; i++) {
            const std::int64_t row = i / runs, column = i % runs * kRunElements;
            HWY_DYNAMIC_DISPATCH(convert_run)
            (c.input_type, c.output_type,
             static_cast<const std::byte*>(c.input) + (row * c.input_pitch + column) * in_bytes,
             static_cast<std::byte*>(c.output) + (row * c.output_pitch + column) * out_bytes,
             std::min(kRunElements, columns - column));
        }
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
